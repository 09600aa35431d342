#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the load generator makes of resets: one that follows a whole answer takes nothing from the client.

usage: late_reset_test.py LAB_LOAD
"""
import csv
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WHOLE, ENDED, HALF = "reset after the answer", "end and reset after the answer", "reset in the answer"
WANTED = {WHOLE: "ok", ENDED: "ok", HALF: "failed"}


def stop(pid: int) -> None:
    """Returns when the process stands still, so that answer and reset are both there when it looks again."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "T":
        if time.monotonic() > deadline:
            raise TimeoutError("the generator does not stop")
        time.sleep(0.001)


def answer(connection: socket.socket, pid: int, how: str) -> str:
    """Returns the request's id."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    name = re.search(rb"X-Request-Id: (\S+)", head)[1].decode()
    text = f"HTTP/1.1 200 OK\r\nX-Backend: b1\r\nX-Request-Id: {name}\r\nContent-Length: 4\r\n\r\nbody".encode()
    stop(pid)
    connection.sendall(text[:-2] if how == HALF else text)
    if how == ENDED:
        connection.shutdown(socket.SHUT_WR)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    os.kill(pid, signal.SIGCONT)
    return name


def main() -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requests.csv")
        with subprocess.Popen([sys.argv[1], "--target", "127.0.0.1:%d" % listener.getsockname()[1], "--source4", "127.0.0.1",
                               "--source-count", "1", "--rate", "10", "--seconds", "0.3", "--arrivals", "constant",
                               "--csv", str(file)], stdout=subprocess.DEVNULL) as load:
            how = {answer(listener.accept()[0], load.pid, kind): kind for kind in WANTED}
        with open(file, newline="", encoding="utf-8") as rows:
            found = {how[r["request_id"]]: (r["outcome"], r["error"]) for r in csv.DictReader(rows)}
    wrong = 0
    for kind, outcome in WANTED.items():
        good = found.get(kind, ("", ""))[0] == outcome
        print("ok  " if good else "FAIL", kind, found.get(kind))
        wrong += not good
    return 1 if wrong else 0


sys.exit(main())
