# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab chaos: a seeded schedule of every kind of fault on a fleet with etcd and monitors, and what must hold."""
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from labkit import faults, report
from labkit.chaos_watch import Watch
from labkit.default_run import Measured, Step, measure
from labkit.digests import DigestWatch, Spells
from labkit.faults import Fault
from labkit.fleet import Fleet
from labkit.held import SILENCE_S, Break, Held
from labkit.outcome import Outcome, common_figures, judge_common
from labkit.plan import make_plan

# The leader turns the policy once a second, and out of turn when the lead, the configuration or operators' decisions change.
MOST_GENERATIONS_PER_S = 1.5
MOST_DIFFERENCE_S = 1.0
LASTS_S = (2.0, 5.0)  # a fault
PAUSE_S = 1.0         # at least, before the next one
HEALTH = "interval: 200ms, timeout: 150ms"
# The default: a packet that is too long for a list of all backends still names ten (docs/takeover.md).
CHOICES = "3"
# A killed backend takes the requests that it has with it; whether these are few of all is asked of long runs only.
JUDGED_FROM_MINUTES = 10.0


@dataclass(frozen=True)
class Schedule:
    """How long, how much, how often."""
    seed: int
    minutes: float
    rate: float = 500.0
    every_s: float = 10.0
    nodes: int = 3
    backends: int = 10
    held: int = 300


@dataclass(frozen=True)
class Struck:
    """A fault that was, CLOCK_REALTIME microseconds."""
    fault: Fault
    begun: int
    ended: int

    @property
    def kind(self) -> str:
        """Without the host's name: kill node power, partition."""
        words = self.fault.words.split()
        return " ".join(words[:2] + words[3:]) if words[0] == "kill" else words[0]


def kinds(fleet: Fleet) -> list[list[str]]:
    """Every kind of fault; a word in capitals stands for a host that is drawn."""
    return [*(["kill", "node", "NODE", how] for how in faults.HOW), *(["kill", "backend", "BACKEND", how] for how in faults.HOW),
            ["kill", "monitor", "leader", "process"], ["kill", "monitor", "leader", "hang"], *(["kill", "etcd", who] for who in ("ONE", "all")),
            ["partition", "NODE"], ["partition", "MONITOR"], ["slow", "backend", "BACKEND"], ["flap", "NODE"], ["flap", "BACKEND"],
            ["update-config"], ["upgrade", "NODE"], ["leave", "NODE"]]


class Deck:
    """Draws faults: each kind once, in a random order, before one comes again. A long run so has all of them, whatever its seed."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self.fleet, self.chance = fleet, chance
        self.left: list[list[str]] = []

    def draw(self) -> list[str]:
        if not self.left:
            self.left = kinds(self.fleet)
            self.chance.shuffle(self.left)
        plan = self.fleet.plan
        hosts = {"NODE": [n.name for n in plan.nodes], "BACKEND": [b.name for b in plan.backends],
                 "MONITOR": [c.name for c in plan.centrals if c.kind == "monitor"], "ONE": ["1", "2", "3"]}
        return [self.chance.choice(hosts[word]) if word in hosts else word for word in self.left.pop()]


class Chaos:
    """Draws, strikes, heals and looks, one fault after the other, until the time is over."""

    def __init__(self, fleet: Fleet, schedule: Schedule) -> None:
        self.fleet, self.schedule = fleet, schedule
        self.chance = random.Random(schedule.seed)
        self.deck = Deck(fleet, self.chance)
        self.watch = Watch(fleet)
        self.struck: list[Struck] = []
        self.breaks: list[Break] = []
        self.held: dict[str, int] = {}
        self.generations_per_s = 0.0  # of the leader's weights
        self.harmed: set[str] = set()  # hosts, by the fault that is on
        self.differed = Spells()
        self.backwards: list[str] = []

    def run(self) -> None:
        seconds = 60 * self.schedule.minutes
        end = time.monotonic() + seconds - LASTS_S[1] - 2
        held = Held(self.fleet, self.schedule.held, seconds - 4)
        digests = DigestWatch(self.fleet, lambda: self.harmed)
        try:
            self.watch.settle("the start")
            begun, first = time.monotonic(), self.watch.generation
            due = begun
            while due < end and not self.watch.broken:
                time.sleep(max(0.0, due - time.monotonic()))
                words, lasts = self.deck.draw(), self.chance.uniform(*LASTS_S)
                due = time.monotonic() + self.schedule.every_s
                self._one(words, lasts)
                due = max(due, time.monotonic() + PAUSE_S)
            self.generations_per_s = round((self.watch.generation - first) / (time.monotonic() - begun), 3)
            held.finish()
        finally:
            held.stop()
            self.differed, self.backwards = digests.stop(), digests.backwards
        self.held, self.breaks = held.sums, held.breaks

    def _one(self, words: list[str], lasts: float) -> None:
        fault = faults.find(self.fleet, words)
        print(f"--- {' '.join(words)} for {lasts:.1f} s {'(' + ' '.join(fault.targets) + ')' if fault.targets else ''}", flush=True)
        begun = time.time_ns() // 1000
        # While a backend's cable flaps, each node sees what its own probes happen to meet.
        blurred = fault.words.startswith("flap b")
        self.harmed = set(self.fleet.plan.names()) if blurred else set(fault.targets)
        fault.strike()
        self.harmed = set(fault.targets)
        time.sleep(lasts)
        fault.heal()
        self.harmed = set()
        self.struck.append(Struck(fault, begun, time.time_ns() // 1000))
        self.watch.settle(fault.words)

    def excuse(self, backends: set[str], begun: int, ended: int) -> Struck | None:
        """The harm to one of these backends within this time, if there was any."""
        return next((s for s in self.struck if s.fault.loses and begun <= s.ended and s.begun <= ended
                     and backends & set(s.fault.targets)), None)


@dataclass
class Losses:
    """Failed requests and broken connections, each with the harm to its backend; None: it had none."""
    requests: list[tuple[str, str, Struck | None]]  # id, error
    connections: list[tuple[Break, Struck | None]]


def losses(chaos: Chaos, run: Measured) -> Losses:
    """What was lost, and with which backend."""
    backends_of: dict[tuple[str, int], set[str]] = {}
    for d in run.decisions:
        backends_of.setdefault(d.source, set()).add(d.backend)
    requests = [(j.request.request_id, j.request.error or j.request.outcome,
                 chaos.excuse(backends_of.get(j.request.source, set()), j.request.arrival_us, j.request.completion_us))
                for j in run.joined if j.request.outcome != "ok"]
    connections = [(b, chaos.excuse({b.backend} if b.backend else backends_of.get(b.source, set()),
                                    b.time_us - SILENCE_S * 1_000_000, b.time_us)) for b in chaos.breaks]
    return Losses(requests, connections)


def judge(chaos: Chaos, run: Measured) -> Outcome:
    schedule = chaos.schedule
    outcome = Outcome(common_figures(run, [], schedule.seed))
    judge_common(outcome, run)
    lost = losses(chaos, run)
    avoidable = [(name, error) for name, error, excuse in lost.requests if excuse is None]
    broken = [b for b, excuse in lost.connections if excuse is None]
    settled = sorted(chaos.watch.settled_s)
    outcome.figures |= {
        "faults": dict(Counter(s.kind for s in chaos.struck)), "lost_with_backends": len(lost.requests) - len(avoidable),
        "schedule": [[s.fault.words, s.begun, s.ended] for s in chaos.struck],
        "lost_by_fault": dict(Counter(excuse.fault.words for _, _, excuse in lost.requests if excuse)), "avoidable": len(avoidable),
        "held": {"open": schedule.held, "answered": chaos.held.get("answered", 0), "moved": chaos.held.get("moved", 0),
                 "lost_with_backends": len(lost.connections) - len(broken), "broken": len(broken)},
        "weights_generations_per_s": chaos.generations_per_s, "differed_s": {"longest": round(chaos.differed.longest_s(), 2), "times": len(chaos.differed.spells), "worst": chaos.differed.worst()},
        "settled_s": {"median": settled[len(settled) // 2], "max": settled[-1], "slowest": chaos.watch.slowest[1]}, "terms": sorted(set(chaos.watch.terms.values()))}
    outcome.require(chaos.generations_per_s <= MOST_GENERATIONS_PER_S, f"{chaos.generations_per_s} generations of weights a second")
    outcome.require(chaos.differed.longest_s() <= MOST_DIFFERENCE_S,
                    f"tables of nodes that take traffic differed for {chaos.differed.longest_s():.1f} s")
    outcome.require(not chaos.backwards, f"generations went backwards: {chaos.backwards[:5]}")
    outcome.require(not avoidable, f"{len(avoidable)} requests failed whose backend had no harm: {avoidable[:5]}")
    outcome.require(not broken, f"{len(broken)} held connections broke whose backend had no harm: {broken[:20]}")
    outcome.require(chaos.held.get("moved", 0) == 0, "a held connection was answered by another backend than before")
    outcome.require(chaos.held.get("answered", 0) > 0, "no held connection was answered")
    outcome.require(schedule.minutes < JUDGED_FROM_MINUTES or outcome.figures["availability"] >= report.MIN_AVAILABILITY,
                    f"availability {outcome.figures['availability']:.6f} is below {report.MIN_AVAILABILITY}")
    outcome.broken += chaos.watch.broken
    leaders = chaos.watch.leaders()
    outcome.require(len(leaders) == 1, f"these monitors lead at the end: {leaders}")
    return outcome


def run_chaos(lab: str, schedule: Schedule, json_file: Path | None) -> int:
    """A fleet of its own with three etcd and two monitors. 0: everything held."""
    plan = make_plan(lab, schedule.nodes, schedule.backends, 0, encapsulation="gue", seed=schedule.seed)
    fleet = Fleet(replace(plan, extra={"fleet": "on", "health": HEALTH, "choices": CHOICES}))
    try:
        fleet.up()
        chaos = Chaos(fleet, schedule)
        run = measure(fleet, schedule.rate, 60 * schedule.minutes, list[Step](), schedule.seed, during=chaos.run)
        outcome = judge(chaos, run)
    finally:
        fleet.down()
    outcome.tell(json_file)
    print(f"chaos: {'does not hold' if outcome.broken else 'holds'}, {len(chaos.struck)} faults, seed {schedule.seed}")
    return 1 if outcome.broken else 0
