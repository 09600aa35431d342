# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check bird: BGP and BFD between nodes and router; how fast the router leaves a node that dies, and what that costs."""
import signal
import statistics
import time
from dataclasses import dataclass
from typing import Any

from labkit import bird, tap
from labkit.default_run import measure
from labkit.fleet import Fleet
from labkit.held import Held
from labkit.namespaces import LabError, switch_port
from labkit.outcome import Outcome, Size, common_figures, judge_common
from labkit.plan import VIP4, Node
from labkit.processes import wait_until

KINDS = ("power", "silent", "bird-hang", "bird-kill", "process")
DEAD = ("power", "silent")   # the node forwards nothing any more
CONNECTIONS = 300
PACKET_RATE = 1000
SEEN_BEFORE = 50  # packets from and to a node, before it is struck
BEGIN_S = 6.0     # until the connections are open and have spoken
DOWN_S = 1.2      # a fault
BACK_WITHIN_S = 15.0
REST_S = 3.0      # then every connection has spoken over the routes that are now
SLOT_S = 10.0     # from one stroke to the next, at least
END_S = 10.0
MAX_MOVED_MS = 100.0
STAYED_US = 200_000
MAX_GATE_MS = 10.0  # as in check takeover
# What was sent so shortly before a stroke may still be on its way when it falls.
ON_THE_WAY_US = 20_000


def seconds_for(strokes: int) -> float:
    return BEGIN_S + SLOT_S * len(KINDS) * strokes + END_S


@dataclass(frozen=True)
class Stroke:
    """CLOCK_REALTIME microseconds. `dead_us`: the last packet of a node that is dead, else when its process was signalled."""
    kind: str
    node: str
    begun_us: int
    dead_us: int
    last_to_us: int  # the last packet of a vip that the router sent to it until the end of the fault
    ended_us: int
    back_us: int     # the router sends to it again

    @property
    def moved_ms(self) -> float:
        return max(0.0, (self.last_to_us - self.dead_us) / 1000)


class Strokes:
    """A stroke of each kind in turn at the node that has the datagrams."""

    def __init__(self, fleet: Fleet, rounds: int) -> None:
        self._fleet, self._rounds = fleet, rounds
        self.done: list[Stroke] = []
        self.held: Held | None = None

    def run(self) -> None:
        held = self.held = Held(self._fleet, CONNECTIONS, seconds_for(self._rounds) - 4, PACKET_RATE)
        try:
            time.sleep(BEGIN_S)
            due = time.monotonic()
            for kind in KINDS * self._rounds:
                time.sleep(max(0.0, due - time.monotonic()))
                due = time.monotonic() + SLOT_S
                self._one(kind, self._carrier())
                due = max(due, time.monotonic() + REST_S)
            held.finish()
        finally:
            held.stop()

    def _carrier(self) -> Node:
        """The node that the router sends the datagrams to."""
        with tap.Tap(self._fleet.plan.namespace("router"), "fabric", tap.of_datagrams(VIP4)) as listening:
            mac = listening.wait(1, 2.0)[-1].destination_mac
        return next(n for n in self._fleet.plan.nodes if n.mac == mac)

    def _one(self, kind: str, node: Node) -> None:
        with tap.Tap(self._fleet.plan.namespace("router"), "fabric", tap.of_host(node.mac)) as listening:
            packets = listening.wait(SEEN_BEFORE, 2.0)
            begun = time.time_ns() // 1000
            self._strike(kind, node)
            time.sleep(DOWN_S)
            packets += listening.read()
        ended = time.time_ns() // 1000
        self._heal(kind, node)
        came = [p.time_us for p in packets if p.source_mac == node.mac]
        went = [p.time_us for p in packets if p.destination_mac == node.mac and p.for_vip]
        if not came or not went:
            raise LabError(f"{kind} {node.name}: no packets before the stroke")
        self.done.append(Stroke(kind, node.name, begun, came[-1] if kind in DEAD else begun, went[-1], ended, time.time_ns() // 1000))

    def _strike(self, kind: str, node: Node) -> None:
        fleet = self._fleet
        if kind == "power":
            fleet.kill(node.name)
        elif kind == "silent":
            switch_port(fleet.plan, node.name, on=False)
            fleet.processes.stop(fleet.processes.find(node.name), grace_s=0)
        elif kind == "process":
            fleet.kill(node.name, "dataplane")
        else:
            fleet.kill(node.name, "bird", signal.SIGSTOP if kind == "bird-hang" else signal.SIGKILL)

    def _heal(self, kind: str, node: Node) -> None:
        if kind == "silent":
            switch_port(self._fleet.plan, node.name, on=True)
        if kind == "bird-hang":
            self._fleet.kill(node.name, "bird", signal.SIGCONT)
        else:
            self._fleet.heal(node.name)
        wait_until(lambda: node.name in bird.routed(self._fleet.plan), BACK_WITHIN_S, f"{node.name} does not come back after '{kind}'")

    # --- figures ---

    def lost_ms(self, stroke: Stroke) -> float:
        """The time whose datagrams were lost."""
        lost = self.held.lost_us if self.held else []
        return sum(stroke.begun_us - ON_THE_WAY_US <= at < stroke.ended_us for at in lost) * 1000 / PACKET_RATE

    def figures(self) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for kind in KINDS:
            strokes = [s for s in self.done if s.kind == kind]
            rows[kind] = {"moved_ms": spread([s.moved_ms for s in strokes]), "lost_ms": spread([self.lost_ms(s) for s in strokes]),
                          "back_s": spread([(s.back_us - s.ended_us) / 1e6 for s in strokes])}
        del rows["process"]["moved_ms"]  # it stays
        return rows

    def judge(self, outcome: Outcome) -> None:
        for s in self.done:
            if s.kind == "process":
                outcome.require(s.ended_us - s.last_to_us < STAYED_US, f"{s.node} was left when its data plane was killed")
            else:
                outcome.require(s.moved_ms <= MAX_MOVED_MS, f"{s.kind} {s.node}: the router sent to it for {s.moved_ms:.0f} ms")
            if s.kind.startswith("bird"):
                outcome.require(self.lost_ms(s) == 0, f"{s.kind} {s.node}: {self.lost_ms(s):.0f} ms of datagrams were lost")
        kills = [self.lost_ms(s) for s in self.done if s.kind == "process"]
        outcome.require(not kills or statistics.median(kills) <= MAX_GATE_MS, f"killed data planes lost {kills} ms")

    def needless(self) -> int:
        """Sessions that the router gave up, from the first stroke on, of nodes that were not the last one to be struck."""
        log = (self._fleet.dir / "router" / "bird.log").read_text(encoding="utf-8")
        struck = [next((s.node for s in reversed(self.done) if s.begun_us <= at), node) for at, node in bird.sessions_lost(log)]
        return sum(node != last for (_, node), last in zip(bird.sessions_lost(log), struck))


def spread(values: list[float]) -> dict[str, Any]:
    ordered = sorted(round(v, 1) for v in values)
    return {"median": statistics.median(ordered), "max": ordered[-1], "all": ordered} if ordered else {}


def bird_check(fleet: Fleet, size: Size) -> Outcome:
    """Nodes die under load, with and without carrier, their BIRD hangs and dies, their data plane dies."""
    strokes = Strokes(fleet, size.strokes)
    run = measure(fleet, size.rate, seconds_for(size.strokes), [], size.seed, during=strokes.run)
    outcome = Outcome(common_figures(run, [strokes.lost_ms(s) for s in strokes.done if s.kind == "process"], size.seed))
    judge_common(outcome, run)
    held = strokes.held.sums if strokes.held else {}
    figures = outcome.figures
    figures |= {"strokes": strokes.figures(), "held": held, "sessions_lost_needlessly": strokes.needless(),
                "broken": held.get("broken", -1),
                "failed_requests": figures["failed"]}
    strokes.judge(outcome)
    outcome.require(len(strokes.done) == size.strokes * len(KINDS), f"only {len(strokes.done)} strokes")
    outcome.require(figures["failed_requests"] == 0, f"{figures['failed_requests']} requests failed: {figures['errors']}")
    outcome.require(figures["broken"] == 0, f"{figures['broken']} connections broke: {held.get('reasons')}")
    outcome.require(held.get("moved") == 0, f"{held.get('moved')} connections moved to another backend")
    return outcome
