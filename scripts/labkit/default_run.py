# SPDX-License-Identifier: BSD-3-Clause
"""The main job of scripts/run: a fleet under load; the leading monitor, a backend and a node die, a backend joins, one turns
slow; then the report."""
import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit import arguments as arguments_of
from labkit import faults, plot, records, report
from labkit.fleet import ROOT, Fleet
from labkit.load import Load
from labkit.namespaces import LabError
from labkit.plan import make_plan
from labkit.report import Event, Samples
from labkit.sampler import Sampler
from labkit.table import LiveTable


@dataclass(frozen=True)
class Step:
    """Something to do to the fleet `at_s` seconds after the load began. The action may return when it took effect
    (CLOCK_REALTIME microseconds); else it is the time when it began."""
    at_s: float
    kind: str
    target: str
    action: Callable[[], int | None]
    detail: str = ""


class Script:
    """Runs steps at their times in a thread of its own, so that a slow one delays no measurement."""

    def __init__(self, steps: list[Step], say: Callable[[str], None]) -> None:
        self.events: list[Event] = []
        self.errors: list[str] = []
        self._steps = sorted(steps, key=lambda s: s.at_s)
        self._say = say
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._begun = time.monotonic()
        self._thread.start()

    def _run(self) -> None:
        for step in self._steps:
            if self._end.wait(max(0.0, self._begun + step.at_s - time.monotonic())):
                return
            try:
                begun_us = time.time_ns() // 1000
                effective_us = step.action()
            except (LabError, OSError, subprocess.SubprocessError) as error:
                self.errors.append(f"{step.kind} {step.target}: {error}")
                continue
            self.events.append(Event(effective_us or begun_us, step.kind, step.target, step.detail, begun_us))
            self._say(f"--- {step.kind} {step.target} {step.detail}")

    def stop(self) -> None:
        self._end.set()
        self._thread.join(timeout=60)


@dataclass
class Measured:
    """A finished run under load."""
    joined: list[records.Joined]
    decisions: list[records.Decision]
    samples: Samples
    events: list[Event]
    errors: list[str]
    load_status: int


def measure(fleet: Fleet, rate: float, seconds: float, steps: list[Step], seed: int, table: LiveTable | None = None,
            arrivals: str = "poisson", during: Callable[[], None] | None = None) -> Measured:
    """Load with steps on a fleet that is up. Ends the nodes' data planes, so that their decision logs are complete.
    `during` runs in this thread while the load does and must end by itself."""
    csv = fleet.dir / "requests.csv"
    sampler = Sampler(fleet)
    load = Load(fleet, rate, seconds, csv, seed, arrivals=arrivals)
    script = Script(steps, table.say if table else lambda _: None)
    begun, begun_us = time.monotonic(), time.time_ns() // 1000 - 1_000_000
    try:
        if during:
            during()
        while load.running():
            time.sleep(1.0 - (time.monotonic() - begun) % 1.0)
            if table:
                table.show(time.monotonic() - begun, load.status, sampler.samples, sampler.backends, script.events)
        status = load.finish()
    finally:
        script.stop()
        load.stop()
        samples = sampler.stop()
    samples.shifted_us = int(load.status.get("shifted_us", 0))
    for node in fleet.plan.nodes:
        fleet.processes.stop(fleet.processes.find(node.name, "dataplane"), grace_s=5)
    # Source tuples come again in a later load on the same fleet: only this load's decisions count.
    decisions = [d for d in records.read_decisions(fleet.decision_log(n) for n in fleet.plan.nodes)
                 if d.time_us >= begun_us]
    joined = records.join(records.read_requests(csv), decisions)
    return Measured(joined, decisions, samples, script.events, script.errors, status)


KILLED_BACKEND, KILLED_NODE = "b4", "lb2"


def default_steps(fleet: Fleet, seconds: float) -> list[Step]:
    joining, slow = "b11", "b5"
    steps = [
        Step(seconds / 6, "monitor-kill", "leader", lambda: faults.find(fleet, ["kill", "monitor", "leader"]).strike(),
             "(the other monitor takes over)"),
        Step(seconds / 3, "kill", KILLED_BACKEND, lambda: fleet.kill(KILLED_BACKEND), "(power off)"),
        Step(seconds / 2, "join", joining, lambda: fleet.join(joining), "(new host, added to the configuration)"),
        Step(seconds * 2 / 3, "slow", slow, lambda: fleet.set_speed(slow, 0.3), "(speed x 0.3)"),
    ]
    if len(fleet.plan.nodes) > 1:
        steps.append(Step(seconds * 5 / 6, "kill", KILLED_NODE, lambda: fleet.kill(KILLED_NODE), "(a node: power off)"))
    return steps


def deaths(fleet: Fleet, run: Measured, leader: str) -> dict[str, Any]:
    """What became of what the dead had: figures for the report."""
    out: dict[str, Any] = {"leader": f"{leader}, then {faults.leader(fleet)}"}
    died = {e.target: e.death() for e in run.events if e.kind == "kill"}
    if KILLED_BACKEND in died:
        out["last_new_connection_after_kill_s"] = records.last_new_connection_s(run.decisions, KILLED_BACKEND, died[KILLED_BACKEND].done_us)
    if KILLED_NODE in died:
        through = {d.source for d in run.decisions if d.node == KILLED_NODE}
        open_then = [j.request for j in run.joined if j.request.source in through and died[KILLED_NODE].met(j.request)]
        out["open_through_killed_node"] = len(open_then)
        out["of_these_failed"] = sum(r.outcome == "failed" for r in open_then)
    return out


def print_report(figures: dict[str, Any]) -> None:
    latency, node = figures["latency_us"], figures["node_latency_us"]
    print(f"\nrequests {figures['requests']}  ok {figures['ok']}  rejected {figures['rejected']}  failed "
          f"{figures['failed']}  availability {100 * figures['availability']:.4f} %")
    print(f"throughput {figures['throughput_rps']} requests/s  latency mean {latency['mean'] / 1000:.1f} p50 "
          f"{latency['p50'] / 1000:.1f} p95 {latency['p95'] / 1000:.1f} p99 {latency['p99'] / 1000:.1f} p99.9 "
          f"{latency['p999'] / 1000:.1f} ms")
    if node["mean"] is not None:
        print(f"node latency mean {node['mean']:.0f} p99 {node['p99']:.0f} us")
    print(f"decisions logged {figures['decisions_logged']}, {figures['decided_again']} of them again for the same connection (a SYN "
          f"sent again, a last segment after the flow's end)  skipped {figures['decisions_skipped']}")
    print(f"answers from another backend than logged {figures['disagreements']}  requests without decision "
          f"{figures['without_decision']}")
    for name, backend in figures["per_backend"].items():
        utilisation = "-" if backend["utilisation"] is None else f"{100 * backend['utilisation']:.0f} %"
        print(f"  {name:4} requests {backend['requests']:6d}  utilisation {utilisation}")
    if figures["errors"]:
        print(f"not served: {figures['errors']}")
    if figures["schedule_shifted_us"] > 1_000_000:
        print(f"the machine was busy: the load generator came {figures['schedule_shifted_us'] / 1e6:.1f} s too late in all, so the "
              "rate is below the one asked for")
    for name, value in figures.get("figures", {}).items():
        print(f"{name}: {value}")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = arguments_of.OneLineParser(prog="scripts/run", description="Sets everything up and runs the live fleet.")
    parser.add_argument("--rate", type=arguments_of.RATE, default=800, help="requests a second (default 800)")
    parser.add_argument("--seconds", type=arguments_of.SECONDS, default=60, help="of load (default 60)")
    parser.add_argument("--seed", type=arguments_of.SEED, default=1)
    parser.add_argument("--policy", default="adaptive", choices=arguments_of.POLICIES)
    parser.add_argument("--encapsulation", default="gue", choices=["ipip", "gue", "l2"])
    parser.add_argument("--nodes", type=arguments_of.whole(1, 50), default=5)
    parser.add_argument("--out", type=arguments_of.output_folder, default=ROOT / "out")
    parser.add_argument("--no-setup", action="store_true", help="packages and build are there already")
    parser.add_argument("--keep", action="store_true", help="leave the fleet up afterwards (data planes are stopped)")
    return parser.parse_args(arguments)


def missing_rights() -> list[str]:
    """What a live fleet needs of the machine and does not have."""
    missing = []
    if os.geteuid() != 0:
        missing.append("root: network namespaces, XDP and packet sockets need it; run this with sudo")
    if not Path("/proc/self/ns/net").exists():
        missing.append("a kernel with network namespaces (CONFIG_NET_NS)")
    return missing


def raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    missing = missing_rights()
    if missing:
        print("\n".join(f"scripts/run: missing: {line}" for line in missing), file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT is ignored in what a script starts in the background
        signal.signal(number, raise_interrupt)
    try:
        return set_up_and_run(options)
    except KeyboardInterrupt:
        print("\nscripts/run: interrupted; everything is cleaned up", file=sys.stderr)
        return 130


def set_up_and_run(options: argparse.Namespace) -> int:
    if not options.no_setup and subprocess.run([str(ROOT / "scripts/setup")], check=False).returncode != 0:
        print("scripts/run: set-up failed, see above", file=sys.stderr)
        return 1
    plan = make_plan(nodes=options.nodes, policy=options.policy, encapsulation=options.encapsulation, seed=options.seed)
    fleet = Fleet(replace(plan, extra={"fleet": "on"}))
    try:
        return run_fleet(fleet, options)
    except LabError as error:
        print(f"scripts/run: {error}", file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # cleaning up takes a second and is not left half done
        if not options.keep:
            fleet.down()


def run_fleet(fleet: Fleet, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    print("fleet: starting", flush=True)
    fleet.up()
    print(f"fleet up after {time.monotonic() - begun:.1f} s: {len(fleet.plan.nodes)} nodes, {len(fleet.pool())} backends, 3 etcd, 2 monitors; "
          f"{options.rate:g} requests/s for {options.seconds:g} s", flush=True)
    leader = faults.leader(fleet)
    run = measure(fleet, options.rate, options.seconds, default_steps(fleet, options.seconds), options.seed, LiveTable())
    figures = report.make_report(run.joined, run.decisions, run.samples, run.events, options.policy, options.seed)
    figures["figures"] = deaths(fleet, run, leader)
    options.out.mkdir(parents=True, exist_ok=True)
    records.write_decisions(options.out / "decisions.csv", run.joined)
    (options.out / "report.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    plot.draw(options.out / "fleet.png", run.joined, run.events,
              f"policy {options.policy}, {len(fleet.plan.nodes)} nodes, {figures['throughput_rps']:.0f} requests/s: availability "
              f"{100 * figures['availability']:.4f} %, p95 {figures['latency_us']['p95'] / 1000:.1f} ms")
    print_report(figures)
    print(f"written: {options.out}/decisions.csv, report.json, fleet.png")
    broken = report.verdict(figures) + run.errors
    if run.load_status != 0:
        broken.append(f"the load generator ended with status {run.load_status}")
    print("\n".join(f"DOES NOT HOLD: {line}" for line in broken) if broken else
          f"holds: availability >= {100 * report.MIN_AVAILABILITY:.2f} %, p95 <= {report.MAX_P95_US / 1000:.0f} ms")
    return 1 if broken else 0
