# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check etcd-away: all of etcd is gone for a while, in which a backend dies and operators decide."""
import time
from typing import Any

from labkit import faults, records
from labkit.chaos_watch import Watch
from labkit.default_run import measure
from labkit.fleet import Fleet
from labkit.namespaces import LabError
from labkit.outcome import Outcome, Size, common_figures, judge_common
from labkit.processes import wait_until
from labkit.records import Death

BEGIN_S = 2.0    # of load before
NOTICED_S = 5.0  # until every node says that etcd is away
END_S = 14.0     # of load after: to settle, and a rest
MAX_DEAD_S = 2.0
WEIGHT = 150
FOLLOWED_S = 20.0


class EtcdAway:
    """Times are CLOCK_REALTIME microseconds."""

    def __init__(self, fleet: Fleet, away_s: float) -> None:
        self._fleet, self._away_s = fleet, away_s
        self.watch = Watch(fleet)
        names = [b.name for b in fleet.plan.backends]
        self.victim, self.drained, self.weighted = names[1], names[2], names[3]
        self.gone_us = self.healed_us = self.back_us = 0
        self.death = Death(self.victim, 0, 0)
        self.said: dict[str, Any] = {}
        self.followed_s = -1.0
        self.pids: list[dict[str, int]] = []
        self.broken: list[str] = []

    def run(self) -> None:
        self.watch.settle("the start")
        time.sleep(BEGIN_S)
        self.pids.append(self._pids())
        fault = faults.find(self._fleet, ["kill", "etcd", "all"])
        begun = time.monotonic()
        self.gone_us = time.time_ns() // 1000
        fault.strike()
        try:
            self._meanwhile(begun)
            time.sleep(max(0.0, begun + self._away_s - time.monotonic()))
        finally:
            self.back_us = time.time_ns() // 1000
            fault.heal()
        back = time.monotonic()
        self.watch.settle("etcd was away")
        self._wait(self._followed, FOLLOWED_S, "what was decided while etcd was away is not in force on all nodes")
        self.followed_s = round(time.monotonic() - back, 2)
        self.pids.append(self._pids())

    def _meanwhile(self, begun: float) -> None:
        """A backend dies, one operator drains another, one commits a configuration; then the dead one is back."""
        wait_until(self._noticed, NOTICED_S, "not every node says that etcd is away")
        begun_us = time.time_ns() // 1000
        self.death = Death(self.victim, begun_us, self._fleet.kill(self.victim))
        first, last = self._fleet.plan.nodes[0], self._fleet.plan.nodes[-1]
        self._fleet.ask(first, "drain backend", backend=self.drained)
        commit = self._fleet.commit_pool(self._fleet.pool() | {self.weighted: WEIGHT}, "while etcd is away")
        self.said = {"commit_etcd_away": commit.get("etcd_away", False), "drained_on": self._row(first.name, self.drained)["state"],
                     "weight_on": self._row(last.name, self.weighted)["configured_weight"],
                     "waiting": {n.name: self._fleet.ask(n, "show status")["etcd"]["waiting"] for n in self._fleet.plan.nodes}}
        time.sleep(max(MAX_DEAD_S + 1, begun + self._away_s / 2 - time.monotonic()))
        self.healed_us = time.time_ns() // 1000
        self._fleet.heal(self.victim)

    def _wait(self, condition: Any, seconds: float, otherwise: str) -> None:
        try:
            wait_until(condition, seconds, otherwise)
        except LabError as error:
            self.broken.append(str(error))

    def _pids(self) -> dict[str, int]:
        return {f"{host} {name}": self._fleet.processes.find(host, name)[0].pid
                for host, name in [(n.name, part) for n in self._fleet.plan.nodes for part in ("control", "dataplane")]
                + [(c.name, "monitor") for c in self._fleet.plan.centrals if c.kind == "monitor"]}

    def _noticed(self) -> bool:
        return all(self._fleet.ask(n, "show status")["etcd"]["away"] for n in self._fleet.plan.nodes)

    def _row(self, node: str, backend: str) -> dict[str, Any]:
        rows = self._fleet.ask(self._fleet.plan.node(node), "show backend", backend=backend, vip="web")["backends"]
        found: dict[str, Any] = rows[0]
        return found

    def _followed(self) -> bool:
        return all(self._row(n.name, self.drained)["state"] != "active" and self._row(n.name, self.weighted)["configured_weight"] == WEIGHT
                   for n in self._fleet.plan.nodes)


def etcd_away(fleet: Fleet, size: Size) -> Outcome:
    """For `size.seconds` no member of etcd lives: no request is lost, a backend that dies is left out and taken in again, decisions
    hold on their node and come to all others afterwards, without a restart."""
    stroke = EtcdAway(fleet, size.seconds)
    run = measure(fleet, size.rate, size.seconds + BEGIN_S + END_S, [], size.seed, during=stroke.run)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    on_host = records.lost_with_host(run.joined, [stroke.death])
    given = [d.time_us for d in run.decisions if d.backend == stroke.victim]
    again = [at for at in given if stroke.healed_us < at < stroke.back_us]
    figures = outcome.figures
    figures |= {
        "away_s": (stroke.back_us - stroke.gone_us) / 1e6, "lost_with_host": len(on_host),
        "last_new_connection_s": records.last_new_connection_s(run.decisions, stroke.victim, stroke.death.done_us, stroke.healed_us),
        "connections_after_return": len(again), "taken_in_again_s": (again[0] - stroke.healed_us) / 1e6 if again else None,
        "said_while_away": stroke.said, "followed_s": stroke.followed_s, "settled_s": stroke.watch.settled_s[-1]}
    outcome.require(figures["failed"] == len(on_host), f"{figures['failed'] - len(on_host)} requests failed that were not on the dead backend: "
                    f"{figures['errors']}")
    outcome.require(figures["last_new_connection_s"] <= MAX_DEAD_S,
                    f"the dead backend got a new connection {figures['last_new_connection_s']:.1f} s after its death")
    outcome.require(bool(again), "the backend that came back got no connection while etcd was away")
    said = stroke.said
    outcome.require(said["drained_on"] != "active" and said["weight_on"] == WEIGHT, f"decisions did not hold on their nodes: {said}")
    outcome.require(said["commit_etcd_away"], "the answer to a commit did not say that etcd is away")
    nodes = fleet.plan.nodes
    outcome.require(said["waiting"][nodes[0].name] > 0 and said["waiting"][nodes[-1].name] > 0, f"nothing waits for etcd: {said}")
    outcome.require(stroke.pids[0] == stroke.pids[-1] and len(stroke.pids) == 2, "a process was started anew")
    outcome.broken += stroke.broken + stroke.watch.broken
    return outcome
