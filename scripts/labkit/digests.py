# SPDX-License-Identifier: BSD-3-Clause
"""For how long the tables of nodes that take traffic differ, and whether a generation ever goes back: each is asked ten times a second, by a thread of its own, because one
that hangs must not delay the question to the next."""
import threading
import time
from collections.abc import Callable

from labkit.control_socket import Refused, Unavailable
from labkit.fleet import Fleet
from labkit.plan import Node

PERIOD_S = 0.1
FRESH_S = 0.3  # an answer counts so long


class Spells:
    """Times in which what the nodes say differs. Pure: told one look after the other."""

    def __init__(self) -> None:
        self.spells: list[tuple[float, float, str]] = []  # begin, length, what was said then
        self._since: float | None = None
        self._said = ""

    def look(self, now: float, digests: dict[str, str]) -> None:
        """`digests`: of each node that counts now."""
        if len(set(digests.values())) > 1:
            if self._since is None:
                self._since = now
                self._said = " ".join(f"{node}={digest[:4]}" for node, digest in sorted(digests.items()))
        elif self._since is not None:
            self.spells.append((self._since, now - self._since, self._said))
            self._since = None

    def worst(self) -> list[tuple[int, float, str]]:
        """The five longest: begin (CLOCK_REALTIME microseconds), seconds, digests by node."""
        longest = sorted(self.spells, key=lambda spell: -spell[1])[:5]
        return [(int(begin * 1e6), round(length, 2), said) for begin, length, said in longest]

    def longest_s(self) -> float:
        return max((length for _, length, _ in self.spells), default=0.0)


class DigestWatch:
    """`harmed` says which nodes cannot be told anything now, or see things that others cannot: they do not count until that is over,
    nor does a node that is not routed to."""

    def __init__(self, fleet: Fleet, harmed: Callable[[], set[str]]) -> None:
        self._fleet, self._harmed = fleet, harmed
        self.spells = Spells()
        self.backwards: list[str] = []
        self._newest: dict[tuple[str, str], int] = {}  # by node and kind
        self._said: dict[str, tuple[float, str]] = {}  # by node: when, and its digest
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(node,), daemon=True) for node in fleet.plan.nodes]
        self._threads.append(threading.Thread(target=self._compare, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> Spells:
        self._end.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self.spells.look(time.time(), {})  # what still differs has lasted until now
        return self.spells

    def _ask(self, node: Node) -> None:
        while not self._end.wait(PERIOD_S):
            try:
                row = self._fleet.ask(node, "show status", timeout=1.0)
            except (Unavailable, Refused):
                continue
            self._look_back(node.name, "tables", int(row["generation"]))
            self._look_back(node.name, "weights", int(row["fleet"]["weights_generation"]))
            if row["routes"]["announced"]:
                self._said[node.name] = (time.time(), row["digest"])

    def _look_back(self, node: str, kind: str, generation: int) -> None:
        if generation < self._newest.get((node, kind), 0):
            self.backwards.append(f"{node}: {kind} from {self._newest[node, kind]} to {generation}")
        self._newest[node, kind] = generation

    def _compare(self) -> None:
        while not self._end.wait(PERIOD_S):
            now, harmed = time.time(), self._harmed()
            self.spells.look(now, {node: digest for node, (at, digest) in list(self._said.items())
                                   if node not in harmed and now < at + FRESH_S})
