# SPDX-License-Identifier: BSD-3-Clause
"""A node's death in the moment that a table generation changes, while connections are held open (tests/lab/hold.cc)."""
import json
import random
import subprocess
import time
from typing import Any

from labkit.fleet import Fleet
from labkit.namespaces import batch, command_in
from labkit.plan import ECHO_PORT, VIP4, VIP_PORT

CONNECTIONS = 1000
SOURCES = [f"10.99.0.{i}" for i in range(100, 132)]
PERIOD_S = 5   # between two requests of a connection
QUIET_S = 2.0   # no new generation for so long: the fleet has settled
SETTLED_WITHIN_S = 12.0
SETTLE_S = 4.0  # until the connections are open


class NodeDeath:
    """`held` has what lab-hold saw; every connection speaks at least once after the death."""

    def __init__(self, fleet: Fleet, seconds: float, seed: int) -> None:
        self._fleet = fleet
        self._seconds = seconds
        self._chance = random.Random(seed)
        self.victim = fleet.plan.nodes[-1].name
        self.held: dict[str, Any] = {}

    def _wait_settled(self) -> None:
        """A fleet that comes up publishes a generation for every backend that turns healthy, and a slot remembers only the
        owner before this one: connections of that time are not what is asked."""
        before: list[int] = []
        begun = time.monotonic()
        while time.monotonic() < begun + SETTLED_WITHIN_S:
            now = [int(self._fleet.ask(n, "show status")["generation"]) for n in self._fleet.plan.nodes]
            if now == before:
                return
            before = now
            time.sleep(QUIET_S)

    def run(self) -> None:
        fleet = self._fleet
        self._wait_settled()
        command = [str(fleet.build / "tests/lab/lab-hold"), "--target", f"{VIP4}:{VIP_PORT}", "--echo",
                   f"{VIP4}:{ECHO_PORT}", "--source", SOURCES[0], "--sources", str(len(SOURCES)), "--connections",
                   str(CONNECTIONS), "--period", str(PERIOD_S), "--packet-rate", "50", "--seconds", str(self._seconds - 6)]
        # Addresses of its own: the load generator binds ports of the others.
        batch(fleet.plan.namespace("client"), [f"address replace {a}/24 dev eth0" for a in SOURCES])
        child = subprocess.Popen(command_in(fleet.plan.namespace("client"), *command), stdout=subprocess.PIPE, text=True)
        time.sleep(SETTLE_S + PERIOD_S)
        fleet.set_pool({name: self._chance.randint(50, 200) for name in fleet.pool()})
        fleet.reload()
        fleet.kill(self.victim)
        text, _ = child.communicate(timeout=self._seconds + 30)
        self.held = json.loads(text) if text else {}
