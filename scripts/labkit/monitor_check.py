# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check monitor: counts of the whole fleet under real traffic, and a monitor that dies."""
import signal
from typing import Any

from labkit.default_run import Step, measure
from labkit.fleet import Fleet
from labkit.outcome import Outcome, Size, common_figures, judge_common


class Looks:
    """What every node says of its exchange, at a few moments."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.seen: dict[str, list[dict[str, Any]]] = {}

    def at(self, moment: str) -> None:
        self.seen[moment] = [self.fleet.ask(node, "show status") for node in self.fleet.plan.nodes]

    def all(self, moment: str, part: str, key: str) -> list[Any]:
        return [status.get(part, {}).get(key) for status in self.seen.get(moment, [])]


def monitor(fleet: Fleet, size: Size) -> Outcome:
    """Nodes share their counts through a monitor; it is killed under load and started again: no request fails, nodes say what they know."""
    looks, nodes = Looks(fleet), len(fleet.plan.nodes)
    part = size.seconds / 4

    def kill() -> None:
        looks.at("before")
        fleet.kill_monitor(signal.SIGKILL)

    def start() -> None:
        looks.at("without")
        fleet.start_monitor()

    run = measure(fleet, size.rate, size.seconds, [
        Step(part, "monitor-kill", "router", kill), Step(2.2 * part, "monitor-start", "router", start),
        Step(3.8 * part, "look", "router", lambda: looks.at("after"))], size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    outcome.require(outcome.figures["failed"] == 0, f"{outcome.figures['failed']} requests failed")
    for moment, shared in (("before", True), ("without", False), ("after", True)):
        outcome.require(looks.all(moment, "exchange", "shared") == [shared] * nodes,
                        f"{moment}: shared is {looks.all(moment, 'exchange', 'shared')}")
    for moment in ("before", "after"):
        outcome.require(looks.all(moment, "exchange", "nodes") == [nodes] * nodes,
                        f"{moment}: nodes in the sum are {looks.all(moment, 'exchange', 'nodes')}")
        outcome.require(looks.all(moment, "fleet", "fresh") == [True] * nodes, f"{moment}: no monitoring updates")
    outcome.figures["loop_ms"] = looks.all("before", "exchange", "loop_ms")
    outcome.figures["age_ms"] = looks.all("before", "exchange", "age_ms")
    return outcome


def monitor_tls(fleet: Fleet, size: Size) -> Outcome:
    """The same over mutual TLS; an agent with a certificate of another CA and one without any are heard by nobody."""
    outcome = monitor(fleet, size)
    refused = {fleet.plan.extra["stranger"], fleet.plan.extra["plain"]}
    heard = {node.name: {row["id"] for row in fleet.ask(node, "show backend", vip="web")["backends"] if "report_age_ms" in row}
             for node in fleet.plan.nodes}
    outcome.figures["agents_heard"] = {name: sorted(ids) for name, ids in heard.items()}
    for name, ids in heard.items():
        outcome.require(ids == set(fleet.pool()) - refused, f"{name} heard the agents of {sorted(ids)}, without certificate are {sorted(refused)}")
    return outcome
