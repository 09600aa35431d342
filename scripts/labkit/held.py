# SPDX-License-Identifier: BSD-3-Clause
"""Long-lived connections with data, beside the load: tests/lab/hold.cc in the client's namespace, and what broke."""
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.fleet import Fleet
from labkit.namespaces import batch, command_in
from labkit.plan import VIP4, VIP_PORT

PERIOD_S = 2   # between two requests of a connection
SILENCE_S = 15   # after which lab-hold calls a connection broken
# Addresses of their own: the load generator binds ports of the others.
SOURCES = [f"10.99.0.{i}" for i in range(100, 132)]


@dataclass(frozen=True)
class Break:
    """A connection that broke; `backend` is "" where none had answered yet."""
    time_us: int
    source: tuple[str, int]
    backend: str
    reason: str


def read_breaks(text: str) -> list[Break]:
    rows = [line.split(maxsplit=4) for line in text.splitlines()]
    return [Break(int(at), (address, int(port)), "" if backend == "-" else backend, reason)
            for at, address, port, backend, reason in rows]


class Held:
    """`connections` open all the time: one that breaks is replaced. Beside them datagrams to the vip `echo`, where there is one:
    `lost_us` is when those that did not come back were sent."""

    def __init__(self, fleet: Fleet, connections: int, seconds: float, packet_rate: float = 1) -> None:
        self._file, self._lost = fleet.dir / "breaks.txt", fleet.dir / "lost.txt"
        for file in (self._file, self._lost):
            file.unlink(missing_ok=True)
        batch(fleet.plan.namespace("client"), [f"address replace {a}/24 dev eth0" for a in SOURCES])
        command = [str(fleet.build / "tests/lab/lab-hold"), "--target", f"{VIP4}:{VIP_PORT}", "--source", SOURCES[0], "--sources",
                   str(len(SOURCES)), "--connections", str(connections), "--period", str(PERIOD_S), "--new-rate", "1",
                   "--packet-rate", str(packet_rate), "--seconds", str(seconds), "--replace", "--breaks", str(self._file),
                   "--lost", str(self._lost)]
        self._child = subprocess.Popen(command_in(fleet.plan.namespace("client"), *command), stdout=subprocess.PIPE, text=True)
        self.sums: dict[str, Any] = {}
        self.breaks: list[Break] = []
        self.lost_us: list[int] = []

    def finish(self) -> None:
        text, _ = self._child.communicate(timeout=60)
        self.sums = json.loads(text)
        self.breaks = read_breaks(Path(self._file).read_text(encoding="ascii"))
        self.lost_us = [int(line) for line in Path(self._lost).read_text(encoding="ascii").split()]

    def stop(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
