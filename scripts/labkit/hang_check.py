# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check hang: a data plane that hangs for seconds holds up nothing but itself."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from labkit.fleet import Fleet
from labkit.namespaces import batch, command_in
from labkit.outcome import Outcome, Size
from labkit.plan import ECHO_PORT, VIP4, VIP_PORT
from labkit.processes import wait_until
from labkit.takeover import SOURCES

CONNECTIONS = 500
OPENING_S = 4.0
HANG_S = 7.0
CHANGE_EVERY_S = 0.8
MAX_DEAD_S = 2.0        # until a backend that died is out of the tables
MAX_CONTROL_SHARE = 0.3  # of a core, more than before the hang: nobody spins


class Hang:
    """SIGSTOP at the one node's data plane; while it hangs: changes one after the other, and a backend joins and dies."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._node = fleet.plan.nodes[0]
        self.followed_ms: list[float] = []
        self.not_followed = 0
        self.out_after_s = -1.0
        self.share_before = self.share_in_hang = 0.0
        self.status: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []

    def _cpu_s(self) -> float:
        control = self._fleet.processes.find(self._node.name, "control")[0]
        fields = Path(f"/proc/{control.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self) -> dict[str, Any]:
        return self._fleet.ask(self._node, "show status")

    def _change(self, weight: int) -> None:
        begun = time.monotonic()
        answer = self._fleet.ask(self._node, "set backend", backend="b1", weight=weight)
        while self._status()["generation"] < answer["generation"] or "waits" in answer:
            if time.monotonic() > begun + CHANGE_EVERY_S:
                self.not_followed += 1
                return
            time.sleep(0.005)
        self.followed_ms.append(round((time.monotonic() - begun) * 1000, 1))

    def _slots(self, backend: str) -> int:
        rows = self._fleet.ask(self._node, "show backend", vip="web")["backends"]
        return sum(int(row["slots"]) for row in rows if row["id"] == backend)

    def _join_and_die(self, spare: str) -> None:
        """It gets slots, but no connection: nobody opens one now."""
        self._fleet.join(spare)
        wait_until(lambda: self._slots(spare) > 0, 5, f"{spare} got no slots while the data plane hangs")
        died = time.monotonic()
        self._fleet.kill(spare)
        wait_until(lambda: self._slots(spare) == 0, 5, f"{spare} is dead and stays in the tables")
        self.out_after_s = round(time.monotonic() - died, 2)

    def run(self) -> None:
        time.sleep(OPENING_S)
        cpu, at = self._cpu_s(), time.monotonic()
        time.sleep(2.0)
        self.share_before = (self._cpu_s() - cpu) / (time.monotonic() - at)
        self._fleet.kill(self._node.name, "dataplane", signal.SIGSTOP)
        cpu, at = self._cpu_s(), time.monotonic()
        weight = 90
        try:
            while time.monotonic() < at + 3:
                self._change(weight := weight + 1)
                time.sleep(CHANGE_EVERY_S / 2)
            self._join_and_die(sorted(self._fleet.plan.spare)[0])
            while time.monotonic() < at + HANG_S:
                self._change(weight := weight + 1)
                time.sleep(CHANGE_EVERY_S / 2)
            self.share_in_hang = (self._cpu_s() - cpu) / (time.monotonic() - at)
            self.status = self._status()
        finally:
            self._fleet.kill(self._node.name, "dataplane", signal.SIGCONT)
        wait_until(self._caught_up, 5, "the data plane does not follow after its hang")
        self.events = self._fleet.ask(self._node, "show events")["events"]

    def _caught_up(self) -> bool:
        status = self._status()
        return bool(status["dataplane"]["running"]) and "behind" not in status["dataplane"] and \
            status["dataplane"]["generation_acknowledged"] == status["generation"] and not status["gate"]["forwards_for"]

    def causes(self, kind: str, what: str) -> list[str]:
        return [str(e.get("cause", "")) for e in self.events if e["kind"] == kind and e["what"] == what]


def hang(fleet: Fleet, size: Size) -> Outcome:
    """Nothing waits for a data plane that hangs, control does not spin, and no connection breaks or moves when it wakes."""
    seconds = max(size.seconds, OPENING_S + HANG_S + 11)
    client = fleet.plan.namespace("client")
    command = [str(fleet.build / "tests/lab/lab-hold"), "--target", f"{VIP4}:{VIP_PORT}", "--echo", f"{VIP4}:{ECHO_PORT}",
               "--source", SOURCES[0], "--sources", str(len(SOURCES)), "--connections", str(CONNECTIONS), "--period", "3",
               "--packet-rate", "500", "--new-rate", "0.1", "--seconds", str(seconds)]
    batch(client, [f"address replace {a}/24 dev eth0" for a in SOURCES])
    with subprocess.Popen(command_in(client, *command), stdout=subprocess.PIPE, text=True) as child:
        stroke = Hang(fleet)
        stroke.run()
        text, _ = child.communicate(timeout=seconds + 30)
    held = json.loads(text) if text else {}
    down, up = stroke.causes("dataplane", "down"), stroke.causes("dataplane", "up")
    outcome = Outcome({
        "connections": held.get("opened", 0), "broken": held.get("broken", -1), "moved": held.get("moved", -1), "held": held,
        "changes_followed_ms": stroke.followed_ms, "changes_not_followed": stroke.not_followed,
        "backend_out_after_s": stroke.out_after_s,
        "control_cpu_share": {"before": round(stroke.share_before, 3), "in_hang": round(stroke.share_in_hang, 3)},
        "behind": stroke.status["dataplane"].get("behind", ""), "gate_forwards": stroke.status["gate"].get("forwards", ""),
        "events": {"down": down, "up": up, "held back": stroke.causes("generation", "held back")}, "seed": size.seed})
    _judge(outcome, stroke)
    return outcome


def _judge(outcome: Outcome, stroke: Hang) -> None:
    figures = outcome.figures
    outcome.require(figures["connections"] >= CONNECTIONS and bool(figures["held"]), "connections did not open")
    outcome.require(figures["broken"] == 0, f"{figures['broken']} connections broke")
    outcome.require(figures["moved"] == 0, f"{figures['moved']} connections moved")
    outcome.require(len(stroke.followed_ms) >= 5, f"only {len(stroke.followed_ms)} changes came while it hung")
    outcome.require(stroke.not_followed == 0, f"{stroke.not_followed} changes did not come while it hung")
    outcome.require(0 <= stroke.out_after_s <= MAX_DEAD_S, f"the dead backend was in the tables for {stroke.out_after_s} s")
    outcome.require(stroke.share_in_hang <= stroke.share_before + MAX_CONTROL_SHARE,
                    f"control took {stroke.share_in_hang:.0%} of a core in the hang, {stroke.share_before:.0%} before")
    outcome.require("keeps generation" in figures["behind"], "show status does not say who holds back")
    outcome.require("hung" in figures["gate_forwards"], "show status does not say why the gate forwards")
    for kind, causes in figures["events"].items():
        outcome.require(any("hung" in c or "keeps generation" in c for c in causes), f"no event '{kind}' tells of the hang")
