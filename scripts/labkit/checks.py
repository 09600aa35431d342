# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check: the live promises, each a bounded run with figures and a verdict (docs/lab.md)."""
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit import configs, records, report
from labkit.bird_check import bird_check
from labkit.default_run import Measured, Step, measure
from labkit.etcd_check import etcd_away
from labkit.fleet import Fleet
from labkit.hang_check import hang
from labkit.monitor_check import monitor, monitor_tls
from labkit.node_death_checks import node_death, node_death_ipip
from labkit.outcome import Outcome, Size, common_figures, judge_common
from labkit.plan import Node, make_plan
from labkit.probe_check import probes
from labkit.publication import Followed, FollowWatch
from labkit.takeover import Strokes, seconds_for

MAX_DEAD_S = 2.0
SECOND_SYN_US = 950_000  # TCP_RTO_INIT
MAX_FOLLOW_MS = 10.0
MAX_FIRST_REPORT_S = 2.0


def start(fleet: Fleet, size: Size) -> Outcome:
    """A fleet that has just come up: every agent's load report is at every node within 2 s. No load."""
    begun = time.monotonic()
    first_s: dict[str, dict[str, float]] = {}
    wanted = len(fleet.plan.nodes) * len(fleet.pool())
    while sum(map(len, first_s.values())) < wanted and time.monotonic() < begun + size.seconds:
        for node in fleet.plan.nodes:
            for row in fleet.ask(node, "show backend", vip="web")["backends"]:
                if "report_age_ms" in row:
                    seen_s = time.monotonic() - begun - row["report_age_ms"] / 1000
                    first_s.setdefault(row["id"], {}).setdefault(node.name, round(max(seen_s, 0.0), 3))
        time.sleep(0.02)
    times = sorted(s for nodes in first_s.values() for s in nodes.values())
    outcome = Outcome({"reports_expected": wanted, "reports": len(times), "first_report_s": _spread(times),
                       "last_by_backend_s": {name: max(nodes.values()) for name, nodes in first_s.items()},
                       "seed": size.seed})
    outcome.require(len(times) == wanted, f"{wanted - len(times)} of {wanted} first reports did not arrive")
    outcome.require(not times or times[-1] <= MAX_FIRST_REPORT_S,
                    f"the last first report came {times[-1] if times else 0:.1f} s after the fleet was up")
    return outcome


def failover(fleet: Fleet, size: Size) -> Outcome:
    """A backend loses power, later a node: only what was on them is lost, and the dead backend gets nothing new for long."""
    victim, node = fleet.plan.backends[1].name, fleet.plan.nodes[-1].name
    run = measure(fleet, size.rate, size.seconds, [
        Step(size.seconds / 3, "kill", victim, lambda: fleet.kill(victim)),
        Step(size.seconds * 2 / 3, "node-kill", node, lambda: fleet.kill(node))], size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    died = {e.kind: e.death() for e in run.events}
    if len(died) < 2:
        return outcome
    figures = outcome.figures
    on_host = records.lost_with_host(run.joined, [died["kill"]])
    through_node = records.lost_with_node(run.joined, run.decisions, died["node-kill"])
    figures["lost_with_host"], figures["lost_with_node"] = len(on_host), len(through_node)
    figures["last_new_connection_s"] = records.last_new_connection_s(run.decisions, victim, died["kill"].done_us)
    outcome.require(figures["last_new_connection_s"] <= MAX_DEAD_S,
                    f"the dead backend got a new connection {figures['last_new_connection_s']:.2f} s after its death")
    # A request that hangs on the dead backend may meet the node's death too.
    avoidable = figures["failed"] - len(on_host | through_node)
    outcome.require(avoidable == 0, f"{avoidable} requests failed that were on neither dead host when it died")
    moved = records.moved_flows(run.decisions)
    figures["moved_needlessly"] = len(moved - records.had_to_move(run.decisions, list(died.values())))
    outcome.require(figures["moved_needlessly"] == 0,
                    f"{figures['moved_needlessly']} connections moved that neither death concerned")
    living = {n.name for n in fleet.plan.nodes} - {node}
    figures["doubled"] = records.doubled_flows(run.decisions, living)
    outcome.require(figures["doubled"] == 0, f"{figures['doubled']} connections were taken on by two living nodes")
    return outcome


def headless(fleet: Fleet, size: Size) -> Outcome:
    """Every control is killed, then a backend loses power: the workers alone leave it out and send no client there to try."""
    victim = fleet.plan.backends[1].name
    third = size.seconds / 3

    def kill_controls() -> None:
        for node in fleet.plan.nodes:
            fleet.kill(node.name, "control", signal.SIGKILL)

    run = measure(fleet, size.rate, size.seconds, [
        Step(third - 1, "control-kill", "all", kill_controls),
        Step(third, "kill", victim, lambda: fleet.kill(victim))], size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    death = next((e.death() for e in run.events if e.kind == "kill"), None)
    if death is None:
        return outcome
    figures, died_us = outcome.figures, death.done_us
    figures["lost_with_host"] = len(records.lost_with_host(run.joined, [death]))
    figures["last_new_connection_s"] = records.last_new_connection_s(run.decisions, victim, died_us)
    figures["new_connections_after_2s"] = sum(
        d.backend == victim and d.time_us > died_us + MAX_DEAD_S * 1e6 for d in run.decisions)
    outcome.require(figures["new_connections_after_2s"] == 0,
                    f"{figures['new_connections_after_2s']} new connections to the dead backend later than {MAX_DEAD_S:g} s "
                    f"after its death")
    avoidable = figures["failed"] - figures["lost_with_host"]
    outcome.require(avoidable == 0, f"{avoidable} requests failed that were not on the backend when it died")
    return outcome


def headless_gate(fleet: Fleet, size: Size) -> Outcome:
    """Every control and every data plane is killed, then a backend loses power: the gates alone leave it out. They log no decisions,
    so what a client sees tells: a connection that was given to the dead backend waits for its second SYN, a second later."""
    victim = fleet.plan.backends[1].name
    third = size.seconds / 3

    def kill_all(part: str) -> None:
        for node in fleet.plan.nodes:
            fleet.kill(node.name, part, signal.SIGKILL)

    run = measure(fleet, size.rate, size.seconds, [
        Step(third - 1, "control-kill", "all", lambda: kill_all("control")),
        Step(third - 0.9, "dataplane-kill", "all", lambda: kill_all("dataplane")),
        Step(third, "kill", victim, lambda: fleet.kill(victim))], size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    outcome.broken += run.errors
    died_us = {e.kind: e.time_us for e in run.events}.get("kill")
    if died_us is None:
        return outcome
    figures = outcome.figures
    requests = [j.request for j in run.joined]
    begun = [r for r in requests if r.arrival_us > died_us]
    waited_s = [(r.arrival_us - died_us) / 1e6 for r in begun if r.latency_us >= SECOND_SYN_US]
    figures["requests_without_control_and_data_plane"] = len(begun)
    figures["answered_by_dead"] = sum(r.backend == victim and r.outcome == "ok" for r in begun)
    figures["lost_with_host"] = sum(r.outcome != "ok" for r in requests if r.arrival_us <= died_us)
    figures["to_the_dead"] = len(waited_s)
    figures["last_new_connection_s"] = max(waited_s, default=None)
    outcome.require(len(begun) > 100, f"only {len(begun)} requests after the death: the gates did not forward")
    outcome.require(bool(waited_s), "no connection was given to the dead backend: nothing was there to be left out")
    outcome.require(max(waited_s, default=0) <= MAX_DEAD_S,
                    f"a new connection went to the dead backend {max(waited_s, default=0):.1f} s after its death")
    failed = sum(r.outcome != "ok" for r in begun)
    outcome.require(failed == 0, f"{failed} requests failed that began after the death: {figures['errors']}")
    return outcome


def leave(fleet: Fleet, size: Size) -> Outcome:
    """An operator drains a backend, later another's agent is told to end: both keep what they have and get nothing new."""
    drained, leaver = fleet.plan.backends[1].name, fleet.plan.backends[2].name
    holding: dict[str, int] = {}

    def drain() -> None:
        for node in fleet.plan.nodes:
            fleet.ask(node, "drain backend", backend=drained)

    def note_flows() -> None:
        for node in fleet.plan.nodes:
            rows = fleet.ask(node, "show backend", backend=drained)["backends"]
            holding[node.name] = sum(int(row["in_flight"]) for row in rows)

    def end_agent() -> None:
        fleet.kill(leaver, "agent", signal.SIGTERM)
        fleet.processes.wait_gone(leaver, "agent", 10)

    third = size.seconds / 3
    run = measure(fleet, size.rate, size.seconds, [
        Step(third, "drain", drained, drain), Step(2 * third - 0.5, "count", drained, note_flows),
        Step(2 * third, "leave", leaver, end_agent)], size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    began_us = {e.kind: e.time_us for e in run.events}
    outcome.require(outcome.figures["failed"] == 0, f"{outcome.figures['failed']} requests failed")
    # `moved` is not judged: a last segment sent again, seconds after the answer, finds its flow gone and is decided anew.
    outcome.figures["last_new_connection_s"] = {}
    for kind, name in (("drain", drained), ("leave", leaver)):
        if kind not in began_us:
            continue  # its error is among run.errors
        last_s = records.last_new_connection_s(run.decisions, name, began_us[kind])
        outcome.figures["last_new_connection_s"][kind] = last_s
        outcome.require(last_s <= MAX_DEAD_S, f"{name} got a new connection {last_s:.2f} s after its {kind}")
    outcome.figures["in_flight_after_drain"] = holding
    outcome.require(sum(holding.values()) == 0, f"the drained backend still holds connections: {holding}")
    return outcome


def reload(fleet: Fleet, size: Size) -> Outcome:
    """Configurations and operators change weights four times a second under load: nothing is lost, no connection moves,
    every worker has the new tables within 10 ms of control's decision."""
    chance = random.Random(size.seed)
    names = list(fleet.pool())

    def by_configuration() -> None:
        fleet.set_pool({name: chance.randint(50, 200) for name in names})
        fleet.reload()

    def by_operator() -> None:
        name = chance.choice(names)
        for node in fleet.plan.nodes:
            fleet.ask(node, "set backend", backend=name, weight=chance.randint(50, 200))

    changes = [(2.0 + 0.25 * i, by_configuration if i % 2 == 0 else by_operator)
               for i in range(int((size.seconds - 4) * 4))]
    watches = [FollowWatch(fleet.dir / n.name / "control.log", configs.runtime_dir(fleet.plan, n))
               for n in fleet.plan.nodes]
    followed: list[Followed] = []

    def count() -> None:
        followed.extend(w.read() for w in watches)  # now: with the load the nodes' workers end

    run = measure(fleet, size.rate, size.seconds, [
        *(Step(at, "reload" if change is by_configuration else "set-weight", "all", change) for at, change in changes),
        Step(size.seconds - 1, "count", "all", count)], size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    outcome.require(len(followed) == len(watches), "the publications were not counted")
    _judge_following(outcome, followed, len(changes))
    outcome.require(outcome.figures["failed"] == 0, f"{outcome.figures['failed']} requests failed")
    outcome.require(outcome.figures["moved"] == 0, f"{outcome.figures['moved']} connections moved")
    dropped = sum(run.samples.packets_dropped.values())
    outcome.require(dropped == 0, f"{dropped} packets dropped: {run.samples.packets_dropped}")
    return outcome


def _judge_following(outcome: Outcome, followed: list[Followed], changes: int) -> None:
    """How fast the workers took up what their node decided."""
    published = sorted(ms for f in followed for ms in f.published_ms.values())
    delays = sorted(ms for f in followed for ms in f.acknowledged_ms.values())
    never = sum(len(f.never) for f in followed)
    outcome.figures["decision_to_publish_ms"] = _spread(published)
    outcome.figures["decision_to_workers_ms"] = _spread(delays)
    outcome.figures["never_acknowledged"] = never
    least = changes * len(followed) * 9 // 10  # a change may find that its predecessor is not published yet, and join it
    outcome.require(len(delays) >= least, f"only {len(delays)} generations followed, {least} expected")
    counted = sum(f.generations for f in followed)
    outcome.require(counted == len(published), f"{counted} generations in shared memory, {len(published)} in the logs")
    outcome.require(never == 0, f"{never} generations were not acknowledged by every worker")
    behind = [f.behind for f in followed]
    outcome.require(not any(behind), f"workers are behind by {behind} generations at the end")
    outcome.require(not delays or delays[-1] <= MAX_FOLLOW_MS,
                    f"a worker had the new tables {delays[-1] if delays else 0:.1f} ms after the decision")


def _spread(ordered: list[float]) -> dict[str, Any]:
    def at(share: float) -> float | None:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
    return {"count": len(ordered), "median": at(0.5), "p99": at(0.99), "max": at(1.0)}


def takeover(fleet: Fleet, size: Size) -> Outcome:
    """The one node's data plane and control are killed, stopped, hung and upgraded in turn while connections stay open and
    packets are counted: no connection breaks or moves; what is lost is counted by kind of stroke."""
    seconds = seconds_for(size.strokes)
    strokes = Strokes(fleet, seconds, size.strokes)
    run = measure(fleet, size.rate / 8, seconds, [], size.seed, during=strokes.run)
    outcome = Outcome(common_figures(run, strokes.gaps_ms("dataplane-kill"), size.seed))
    judge_common(outcome, run)
    held = strokes.held
    figures = outcome.figures
    figures["failed_requests"] = figures["failed"]
    figures |= {"connections": held.get("opened", 0), "broken": held.get("broken", -1), "moved": held.get("moved", -1),
                "faults": strokes.counts(), "strokes": strokes.figures(), "held": held}
    outcome.require(bool(held), "lab-hold gave no figures")
    outcome.require(figures["broken"] == 0, f"{figures['broken']} connections broke: {held.get('reasons')}")
    outcome.require(figures["moved"] == 0, f"{figures['moved']} connections moved to another backend")
    outcome.require(strokes.generations == sorted(strokes.generations), f"generations went back: {strokes.generations}")
    outcome.require(figures["failed_requests"] == 0, f"{figures['failed_requests']} requests failed: {figures['errors']}")
    outcome.broken += strokes.judge()
    return outcome


def chaos(fleet: Fleet, size: Size) -> Outcome:
    """A seeded schedule of faults: backends lose power and return, turn slow, control daemons are killed."""
    steps = chaos_steps(fleet, size)
    run = measure(fleet, size.rate, size.seconds, steps, size.seed)
    outcome = Outcome(common_figures(run, [], size.seed))
    judge_common(outcome, run)
    deaths = [e.death() for e in run.events if e.kind == "kill"]
    outcome.figures["lost_with_host"] = len(records.lost_with_host(run.joined, deaths))
    avoidable = outcome.figures["failed"] - outcome.figures["lost_with_host"]
    outcome.require(avoidable == 0, f"{avoidable} requests failed that were not on a backend when it died")
    return outcome


def chaos_steps(fleet: Fleet, size: Size) -> list[Step]:
    """At most a third of the backends is ill at a time; everything is healed 4 s after it was harmed."""
    chance = random.Random(size.seed)
    steps: list[Step] = []
    ill_until: dict[str, float] = {}
    at = 2.0
    while at < size.seconds - 6:
        ill_until = {name: until for name, until in ill_until.items() if until > at}
        well = [b.name for b in fleet.plan.backends if b.name not in ill_until and b.name not in fleet.plan.spare]
        kind = chance.choice(["kill", "slow", "control-kill"])
        if kind == "control-kill" or len(ill_until) >= len(fleet.plan.backends) // 3:
            node = chance.choice(fleet.plan.nodes)
            steps += _control_steps(fleet, node, at)
        else:
            name = chance.choice(well)
            ill_until[name] = at + 5
            steps += _backend_steps(fleet, kind, name, at, chance.uniform(0.2, 0.6))
        at += chance.uniform(1.0, 3.0)
    return steps


def _control_steps(fleet: Fleet, node: Node, at: float) -> list[Step]:
    def kill() -> None:
        if fleet.processes.find(node.name, "control"):
            fleet.kill(node.name, "control", signal.SIGKILL)
    return [Step(at, "control-kill", node.name, kill),
            Step(at + 1.0, "control-start", node.name, lambda: fleet.heal(node.name))]


def _backend_steps(fleet: Fleet, kind: str, name: str, at: float, factor: float) -> list[Step]:
    if kind == "kill":
        return [Step(at, "kill", name, lambda: fleet.kill(name)), Step(at + 4, "heal", name, lambda: fleet.heal(name))]
    return [Step(at, "slow", name, lambda: fleet.set_speed(name, factor)),
            Step(at + 4, "restore", name, lambda: fleet.set_speed(name, 1.0))]


CHECKS: dict[str, Callable[[Fleet, Size], Outcome]] = {
    "start": start, "takeover": takeover, "hang": hang, "failover": failover, "node-death": node_death,
    "node-death-ipip": node_death_ipip, "headless": headless,
    "headless-gate": headless_gate, "probes": probes, "reload": reload, "leave": leave, "chaos": chaos,
    "monitor": monitor, "monitor-tls": monitor_tls, "bird": bird_check, "etcd-away": etcd_away}


def run_check(kind: str, size: Size, lab: str, json_file: Path | None) -> int:
    """Brings a fleet of its own up, checks, takes it down. 0: the promise holds."""
    policy = "static" if kind == "reload" else "adaptive"
    plan = make_plan(lab, size.nodes, size.backends, 0, policy=policy, seed=size.seed)
    if kind == "takeover":  # every packet through the one node; unequal machines are another check's matter
        plan = replace(make_plan(lab, 1, size.backends, 0, seed=size.seed, steady=True), extra={"echo": "on"})
    if kind == "hang":
        plan = replace(make_plan(lab, 1, size.backends, 1, policy="static", seed=size.seed, steady=True), extra={"echo": "on"})
    if kind == "bird":
        plan = replace(make_plan(lab, size.nodes, size.backends, 0, policy="static", encapsulation="gue", seed=size.seed, steady=True),
                       extra={"fleet": "on", "bird": "on", "echo": "on"})
    if kind == "etcd-away":
        plan = replace(make_plan(lab, size.nodes, size.backends, 0, encapsulation="gue", seed=size.seed), extra={"fleet": "on"})
    if kind.startswith("monitor"):
        tls = {"tls": "on", "stranger": plan.backends[-1].name, "plain": plan.backends[-2].name} if kind == "monitor-tls" else {}
        plan = replace(plan, extra={"monitor": "on"} | tls)
    if kind == "probes":
        plan = replace(make_plan(lab, size.nodes, size.backends, 0, policy="static", seed=size.seed),
                       extra={"probe": "tunnel"})
    if kind.startswith("node-death"):
        alone = kind.endswith("ipip")
        plan = replace(make_plan(lab, size.nodes, size.backends, 0, policy="static", encapsulation="ipip" if alone else "gue",
                                 seed=size.seed, steady=True), extra={"echo": "on", "choices": "1" if alone else "2"})
    fleet = Fleet(plan)
    begun = time.monotonic()
    try:
        fleet.up()
        outcome = CHECKS[kind](fleet, size)
    finally:
        fleet.down()
    outcome.tell(json_file)
    for line in outcome.figures.get("not_judged", []):
        print(f"not judged: {line}")
    print(f"{kind}: {'does not hold' if outcome.broken else 'holds'} ({time.monotonic() - begun:.0f} s)")
    return 1 if outcome.broken else 0
