import json
import os
import signal
import subprocess
import sys

import pytest
import requests
from django.conf import settings

from tests.contracts.sendgrid_double import SEND


@pytest.mark.usefixtures("_no_proxies")
def test_doubles_run_as_a_process_of_their_own():
    command = [sys.executable, "-m", "tests.contracts.serve", "--light", "--delay-ms", "1"]
    ports = ["--twilio-port", "0", "--sendgrid-port", "0", "--smtp-port", "0"]
    ports += ["--google-port", "0", "--google-person", "dana@example.org"]
    with subprocess.Popen(
        [*command, *ports], stdout=subprocess.PIPE, cwd=settings.BASE_DIR, env=dict(os.environ), text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = json.loads(process.stdout.readline())
            twilio, sendgrid = found["twilio"], found["sendgrid"]
            sent = requests.post(
                f"{twilio['base']}/2010-04-01/Accounts/{twilio['account']}/Messages.json",
                data={"To": "+12125550143", "From": "+12125550100", "Body": "Hello"},
                auth=(twilio["account"], twilio["token"]),
                timeout=5,
            )
            headers = {"Authorization": f"Bearer {sendgrid['key']}"}
            mailed = requests.post(sendgrid["base"] + SEND, data="{}", headers=headers, timeout=5)
            calendars = requests.get(f"{found['google']['base']}/_double/calendars", timeout=5).json()
            kept = requests.get(f"{twilio['base']}/_double/messages", timeout=5).json()["messages"]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    assert (sent.status_code, mailed.status_code, [each["body"] for each in kept]) == (201, 202, ["Hello"])
    assert sorted(found) == ["google", "sendgrid", "smtp", "twilio"]
    assert found["google"]["settings"]["GOOGLE_API_BASE"] == found["google"]["base"]
    assert calendars == {"calendars": {"dana@example.org": []}, "peaks": {}}
