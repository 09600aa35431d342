# SPDX-License-Identifier: BSD-3-Clause
"""Strokes at a node's processes while connections are held open and packets are counted (tests/lab/hold.cc)."""
import json
import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit import configs
from labkit.fleet import Fleet
from labkit.namespaces import batch, command_in
from labkit.plan import ECHO_PORT, VIP4, VIP_PORT

CONNECTIONS = 2000
PACKET_RATE = 2000
SOURCES = [f"10.99.0.{i}" for i in range(100, 132)]
SETTLE_S = 4.0   # until the connections are open
REST_S = 0.7     # between strokes
HANG_S = 0.5
# What was sent so shortly before a stroke may still be in a queue or the worker's hands when it falls: its loss is that
# stroke's, not the one's before it.
ON_THE_WAY_US = 20_000
MEDIAN_KILL_MS = 10.0
FEW_STROKES = 5   # fewer have no median worth the name: twice the time is allowed then


BEGIN_AND_END_S = 15
ROUND_S = 11     # a stroke of each kind, at most; 8 when two cores are loaded tenfold


def seconds_for(rounds: int) -> float:
    """How long a check with so many strokes of each kind takes."""
    return BEGIN_AND_END_S + ROUND_S * rounds


class Strokes:
    """A stroke of each kind in turn, `rounds` times; then `held` has what lab-hold saw. A gap is the time whose packets were lost."""

    def __init__(self, fleet: Fleet, seconds: float, rounds: int) -> None:
        self._fleet = fleet
        self._node = fleet.plan.nodes[0].name
        self._seconds = seconds
        self._rounds = rounds
        self._log: list[tuple[str, int, int]] = []  # kind, from, until: CLOCK_REALTIME microseconds
        self._lost_us: list[int] = []
        self.held: dict[str, Any] = {}
        self.generations: list[int] = []  # before and after each death of control
        self.told: Counter[str] = Counter()  # what events gave as the cause of each takeover

    def run(self) -> None:
        lost = self._fleet.dir / "lost.txt"
        command = [str(self._fleet.build / "tests/lab/lab-hold"), "--target", f"{VIP4}:{VIP_PORT}", "--echo",
                   f"{VIP4}:{ECHO_PORT}", "--source", SOURCES[0], "--sources", str(len(SOURCES)), "--connections",
                   str(CONNECTIONS), "--period", "12", "--packet-rate", str(PACKET_RATE), "--seconds", str(self._seconds - 3),
                   "--lost", str(lost)]
        # Addresses of its own: the load generator binds ports of the others.
        batch(self._fleet.plan.namespace("client"), [f"address replace {a}/24 dev eth0" for a in SOURCES])
        child = subprocess.Popen(command_in(self._fleet.plan.namespace("client"), *command), stdout=subprocess.PIPE,
                                 text=True)
        end = time.monotonic() + self._seconds - 6
        time.sleep(SETTLE_S)
        for kind, act in list(self._kinds().items()) * self._rounds:
            if time.monotonic() > end:
                break  # judge() tells
            begun = time.time_ns() // 1000 - ON_THE_WAY_US
            act()
            time.sleep(REST_S)
            self._log.append((kind, begun, time.time_ns() // 1000 - ON_THE_WAY_US))
        text, _ = child.communicate(timeout=self._seconds + 30)
        self.held = json.loads(text) if text else {}
        self._read_events()
        self._lost_us = [int(line) for line in Path(lost).read_text(encoding="ascii").split()] if lost.exists() else []

    def _kinds(self) -> dict[str, Callable[[], None]]:
        fleet, node = self._fleet, self._node

        def stop(number: signal.Signals) -> None:
            fleet.kill(node, "dataplane", number)
            fleet.processes.wait_gone(node, "dataplane")

        def kill() -> None:
            stop(signal.SIGKILL)
            time.sleep(0.3)
            fleet.heal(node)

        def restart() -> None:
            stop(signal.SIGKILL)
            fleet.heal(node)

        def hang() -> None:
            fleet.kill(node, "dataplane", signal.SIGSTOP)
            time.sleep(HANG_S)
            fleet.kill(node, "dataplane", signal.SIGCONT)

        def term() -> None:
            stop(signal.SIGTERM)
            time.sleep(0.3)
            fleet.heal(node)

        def control() -> None:
            self._note_generation()
            fleet.kill(node, "control", signal.SIGKILL)
            fleet.processes.wait_gone(node, "control")
            fleet.heal(node)
            self._note_generation()

        return {"dataplane-kill": kill, "dataplane-hang": hang, "dataplane-term": term,
                "dataplane-upgrade": lambda: fleet.upgrade(node), "dataplane-restart": restart, "control-kill": control}

    def _note_generation(self) -> None:
        self.generations.append(int(self._fleet.ask(self._fleet.plan.nodes[0], "show status")["generation"]))

    def _read_events(self) -> None:
        """From the file: control's memory of them ends with it."""
        file = Path(configs.runtime_dir(self._fleet.plan, self._fleet.plan.nodes[0])) / "events.jsonl"
        events = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        self.told = Counter(e["cause"].split(":")[0] for e in events if e["kind"] == "dataplane" and e["what"] == "down")

    # --- figures ---

    def gaps_ms(self, kind: str) -> list[float]:
        """One for each stroke of this kind."""
        return [sum(begun <= at < until for at in self._lost_us) * 1000 / PACKET_RATE
                for k, begun, until in self._log if k == kind]

    def _lost_at_ms(self, kind: str) -> list[list[int]]:
        """For each stroke that lost packets: when the first and the last of them were sent, since its begin."""
        found = []
        for k, begun, until in self._log:
            times = [(at - begun) // 1000 for at in self._lost_us if begun <= at < until]
            if k == kind and times:
                found.append([min(times), max(times)])
        return found

    def counts(self) -> dict[str, int]:
        return dict(Counter(kind for kind, _, _ in self._log))

    def figures(self) -> dict[str, Any]:
        rows = {}
        for kind in self.counts():
            gaps = sorted(self.gaps_ms(kind))
            rows[kind] = {"median_ms": round(statistics.median(gaps), 2), "max_ms": round(gaps[-1], 2),
                          "gaps_ms": [round(g, 1) for g in gaps], "lost_at_ms": self._lost_at_ms(kind)}
        strokes = [(begun, until) for _, begun, until in self._log]
        rows["told"] = dict(self.told)
        rows["between"] = {"packets": sum(not any(b <= at < u for b, u in strokes) for at in self._lost_us)}
        return rows

    def judge(self) -> list[str]:
        """What does not hold."""
        broken = []
        too_few = {kind: n for kind, n in self.counts().items() if n < self._rounds}
        if too_few or not self._log:
            broken.append(f"the time was too short for {self._rounds} strokes of each kind: {too_few}")
        for kind in ("dataplane-term", "dataplane-upgrade", "control-kill"):
            if sum(self.gaps_ms(kind)) > 0:
                broken.append(f"{kind} lost packets: {sorted(self.gaps_ms(kind))} ms")
        done = self.counts()
        wanted = {"died": done.get("dataplane-kill", 0) + done.get("dataplane-restart", 0),
                  "stopped": done.get("dataplane-term", 0), "upgrade": done.get("dataplane-upgrade", 0)}
        told = {cause: self.told[cause] for cause in wanted}
        if told != wanted or self.told["hung"] < done.get("dataplane-hang", 0):  # crowded cores hang more often than we do it
            broken.append(f"events told of {dict(self.told)}, done was {done}")
        kills = self.gaps_ms("dataplane-kill")
        allowed_ms = MEDIAN_KILL_MS if len(kills) >= FEW_STROKES else 2 * MEDIAN_KILL_MS
        if kills and statistics.median(kills) > allowed_ms:
            broken.append(f"dataplane-kill lost {statistics.median(kills)} ms in the median")
        return broken
