# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab chaos: a seeded schedule of every kind of fault on a fleet with etcd and monitors, and what must hold."""
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit import faults, records
from labkit.control_socket import Refused, Unavailable
from labkit.default_run import Measured, Step, measure
from labkit.fleet import Fleet
from labkit.namespaces import LabError
from labkit.outcome import Outcome, common_figures, judge_common
from labkit.plan import make_plan
from labkit.processes import wait_until

LASTS_S = (2.0, 5.0)  # a fault
SETTLE_S = 20.0       # from its end until all agree again, busy machine included
PAUSE_S = 1.0


def draw(fleet: Fleet, chance: random.Random) -> list[str]:
    """The words of a fault; each kind is as likely as the others. Pure but for `chance`."""
    node, backend = chance.choice(fleet.plan.nodes).name, chance.choice(fleet.plan.backends).name
    how, monitor = chance.choice(faults.HOW), chance.choice(["monitor1", "monitor2"])
    return chance.choice([
        ["kill", "node", node, how], ["kill", "backend", backend, how],
        ["kill", "monitor", "leader", chance.choice(["process", "hang"])], ["kill", "etcd", chance.choice(["1", "2", "3", "all"])],
        ["partition", chance.choice([node, monitor])], ["slow", "backend", backend], ["flap", chance.choice([node, backend])],
        ["update-config"], ["upgrade", node]])


class Watch:
    """What the nodes say between faults."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.terms: dict[str, int] = {}
        self.broken: list[str] = []
        self.settled_s: list[float] = []

    def statuses(self) -> list[dict[str, Any]]:
        return [self.fleet.ask(node, "show status") for node in self.fleet.plan.nodes]

    def agree(self) -> bool:
        """All serve, with one digest, by one leader; etcd is there and nothing waits."""
        try:
            rows = self.statuses()
        except (Unavailable, Refused):
            return False
        for row in rows:
            term = int(row["fleet"]["term"])
            if term < self.terms.get(row["node"], 0):
                self.broken.append(f"{row['node']} went back from term {self.terms[row['node']]} to {term}")
            self.terms[row["node"]] = max(term, self.terms.get(row["node"], 0))
        return (len({row["digest"] for row in rows}) == 1 and len({row["fleet"]["term"] for row in rows}) == 1
                and all(row["fleet"]["fresh"] and row["routes"]["announced"] and not row["etcd"]["away"]
                        and row["etcd"]["waiting"] == 0 for row in rows))

    def settle(self, after: str) -> None:
        begun = time.monotonic()
        try:
            wait_until(self.agree, SETTLE_S, f"after '{after}' the nodes do not agree")
        except LabError as error:
            self.broken.append(f"{error}: {self._differences()}")
        self.settled_s.append(round(time.monotonic() - begun, 2))

    def _differences(self) -> str:
        out = []
        for node in self.fleet.plan.nodes:
            try:
                row = self.fleet.ask(node, "show status")
            except (Unavailable, Refused) as error:
                out.append(f"{node.name}: {error}")
                continue
            out.append(f"{node.name}: digest {row['digest']} term {row['fleet']['term']} fresh {row['fleet']['fresh']} "
                       f"{row['routes']['state']} etcd away {row['etcd']['away']} waiting {row['etcd']['waiting']}")
        return "; ".join(out)

    def leaders(self) -> list[str]:
        return [c.name for c in self.fleet.plan.centrals
                if c.kind == "monitor" and faults.monitor_figures(self.fleet, c).get("fairlead_monitor_leads")]


class Chaos:
    """Draws, strikes, heals and looks, one fault after the other, until the time is over."""

    def __init__(self, fleet: Fleet, seed: int, seconds: float) -> None:
        self.fleet, self.seconds = fleet, seconds
        self.chance = random.Random(seed)
        self.watch = Watch(fleet)
        self.struck: list[tuple[str, int, int, tuple[str, ...], bool]] = []  # words, begin, end, hosts, may lose

    def run(self) -> None:
        end = time.monotonic() + self.seconds - LASTS_S[1] - 2
        self.watch.settle("the start")
        while time.monotonic() < end and not self.watch.broken:
            words, lasts = draw(self.fleet, self.chance), self.chance.uniform(*LASTS_S)
            self._one(words, lasts)

    def _one(self, words: list[str], lasts: float) -> None:
        fault = faults.find(self.fleet, words)
        print(f"--- {' '.join(words)} for {lasts:.1f} s {'(' + ' '.join(fault.targets) + ')' if fault.targets else ''}", flush=True)
        begun = time.time_ns() // 1000
        fault.strike()
        time.sleep(lasts)
        fault.heal()
        self.struck.append((fault.words, begun, time.time_ns() // 1000, fault.targets, fault.loses))
        self.watch.settle(fault.words)
        time.sleep(PAUSE_S)

    def excused(self, run: Measured) -> set[str]:
        """Failed requests that were on a host, or went through it, while it was harmed."""
        out: set[str] = set()
        for _, begun, ended, hosts, loses in self.struck:
            if not loses:
                continue
            through = {d.source for d in run.decisions if d.node in hosts or d.backend in hosts}
            out |= {j.request.request_id for j in run.joined
                    if j.request.outcome == "failed" and j.request.arrival_us <= ended and begun < j.request.completion_us
                    and (j.request.source in through or (j.decision is not None and j.decision.backend in hosts))}
        return out


def judge(fleet: Fleet, chaos: Chaos, run: Measured, seed: int) -> Outcome:
    outcome = Outcome(common_figures(run, [], seed))
    judge_common(outcome, run)
    excused = chaos.excused(run)
    avoidable = [j for j in run.joined if j.request.outcome == "failed" and j.request.request_id not in excused]
    kinds: dict[str, int] = {}
    for words, *_ in chaos.struck:
        kind = " ".join(words.split()[:2] if words.startswith("kill") else words.split()[:1])
        kinds[kind] = kinds.get(kind, 0) + 1
    settled = sorted(chaos.watch.settled_s)
    outcome.figures |= {
        "faults": kinds, "lost_with_hosts": len(excused), "avoidable": len(avoidable),
        "settled_s": {"median": settled[len(settled) // 2], "max": settled[-1]}, "terms": sorted(set(chaos.watch.terms.values()))}
    outcome.require(not avoidable, f"{len(avoidable)} requests failed that no harmed host had: "
                    f"{[(j.request.request_id, j.request.error) for j in avoidable[:5]]}")
    outcome.broken += chaos.watch.broken
    leaders = chaos.watch.leaders()
    outcome.require(len(leaders) == 1, f"these monitors lead at the end: {leaders}")
    return outcome


def run_chaos(lab: str, seed: int, minutes: float, rate: float, json_file: Path | None) -> int:
    """A fleet of its own: three nodes, six backends, three etcd, two monitors. 0: everything held."""
    fleet = Fleet(replace(make_plan(lab, 3, 6, 0, encapsulation="gue", seed=seed), extra={"fleet": "on"}))
    try:
        fleet.up()
        chaos = Chaos(fleet, seed, 60 * minutes)
        run = measure(fleet, rate, 60 * minutes, list[Step](), seed, during=chaos.run)
        outcome = judge(fleet, chaos, run, seed)
    finally:
        fleet.down()
    outcome.tell(json_file)
    print(f"chaos: {'does not hold' if outcome.broken else 'holds'}, {len(chaos.struck)} faults, seed {seed}")
    return 1 if outcome.broken else 0
