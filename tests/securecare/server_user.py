"""A process that uses an embedded server, told what to do line by line: server_user.py <name> <data_dir>."""

import os
import subprocess
import sys
import time
from pathlib import Path

from securecare.embedded import EmbeddedServerError
from securecare.embedded.servers import SERVERS
from securecare.embedded.use import ensure

server = SERVERS[sys.argv[1]](Path(sys.argv[2]))


def use() -> str:
    try:
        ensure(server)
    except EmbeddedServerError as error:
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
