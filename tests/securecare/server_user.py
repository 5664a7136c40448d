"""A process that uses an embedded server, told what to do line by line: server_user.py <name> <data_dir>."""

import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

# Loaded by path: importing it as a part of SecureCare would import Celery too, which takes ten times as long.
embedded = runpy.run_path(str(Path(__file__).parents[2] / "securecare" / "embedded.py"))
server = embedded["SERVERS"][sys.argv[1]](Path(sys.argv[2]))


def use() -> str:
    try:
        embedded["ensure"](server)
    except embedded["EmbeddedServerError"] as error:
        return " ".join(str(error).split())
    return "ready"


def fork() -> int:
    if child := os.fork():
        return child
    time.sleep(60)
    os._exit(0)


def start_program() -> int:
    return subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).pid


if __name__ == "__main__":
    for line in sys.stdin:
        answer = {"use": use, "fork": fork, "start_program": start_program}[line.strip()]()
        print(answer, flush=True)
