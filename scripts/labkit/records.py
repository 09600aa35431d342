# SPDX-License-Identifier: BSD-3-Clause
"""Requests as the clients saw them, joined with the decisions that the nodes logged. Pure but for reading files."""
import csv
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One row of the load generator. Times: CLOCK_REALTIME microseconds; start_us is None where no answer came."""
    request_id: str
    arrival_us: int
    source: tuple[str, int]
    backend: str
    start_us: int | None
    completion_us: int
    outcome: str
    error: str

    @property
    def latency_us(self) -> int:
        return self.completion_us - self.arrival_us


@dataclass(frozen=True)
class Decision:
    """One row of a node's decision log: a new flow and where it was sent."""
    time_us: int
    source: tuple[str, int]
    vip: str
    node: str
    backend: str


@dataclass(frozen=True)
class Death:
    """A host lost power at some time in [begun_us, done_us]: pulling a cable takes a while."""
    name: str
    begun_us: int
    done_us: int

    def met(self, request: Request) -> bool:
        """The request was open when it happened."""
        return request.arrival_us <= self.done_us and self.begun_us < request.completion_us


@dataclass(frozen=True)
class Joined:
    """A request and the last decision made for its connection until it completed; None: no node logged any."""
    request: Request
    decision: Decision | None

    @property
    def disagrees(self) -> bool:
        """The client was answered by another backend than the node says."""
        return bool(self.decision and self.request.backend and self.request.backend != self.decision.backend)


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text)) if ":" in text else text


def read_requests(file: Path) -> list[Request]:
    with open(file, newline="", encoding="utf-8") as rows:
        return [Request(r["request_id"], int(r["arrival_us"]), (_address(r["src_ip"]), int(r["src_port"])),
                        r["backend"], int(r["start_us"]) if r["start_us"] else None, int(r["completion_us"]),
                        r["outcome"], r["error"]) for r in csv.DictReader(rows)]


def read_decisions(files: Iterable[Path]) -> list[Decision]:
    """All nodes' decisions in order of time. A row that a killed process left half-written is left out."""
    found = []
    for file in files:
        if not file.exists():
            continue
        with open(file, newline="", encoding="utf-8") as rows:
            for r in csv.DictReader(rows):
                if not r.get("backend_id"):
                    continue
                found.append(Decision(int(r["time_us"]), (_address(r["src_ip"]), int(r["src_port"])), r["vip"],
                                      r["node_id"], r["backend_id"]))
    return sorted(found, key=lambda d: d.time_us)


def join(requests: list[Request], decisions: list[Decision]) -> list[Joined]:
    """By source tuple, which is unique in a run; the result is in order of arrival."""
    by_source: dict[tuple[str, int], list[Decision]] = {}
    for decision in decisions:
        by_source.setdefault(decision.source, []).append(decision)
    joined = []
    for request in sorted(requests, key=lambda r: (r.arrival_us, r.request_id)):
        until = [d for d in by_source.get(request.source, []) if d.time_us <= request.completion_us]
        joined.append(Joined(request, until[-1] if until else None))
    return joined


COLUMNS = ["request_id", "arrival_us", "node_id", "backend_id", "start_us", "completion_us", "outcome"]


def write_decisions(file: Path, joined: list[Joined]) -> None:
    """The contract's decisions.csv: one row for every request; fields that are not known are empty."""
    with open(file, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for j in joined:
            r, d = j.request, j.decision
            completion = r.completion_us if r.outcome == "ok" else ""
            writer.writerow([r.request_id, r.arrival_us, d.node if d else "", d.backend if d else r.backend,
                             r.start_us or "", completion, r.outcome])


def last_new_connection_s(decisions: list[Decision], backend: str, dead_from_us: int,
                          until_us: int | None = None) -> float:
    """Seconds from the death of a backend to the last new connection that a node gave it (0: none came)."""
    times = [d.time_us for d in decisions
             if d.backend == backend and d.time_us > dead_from_us and (until_us is None or d.time_us < until_us)]
    return (max(times) - dead_from_us) / 1e6 if times else 0.0


def lost_with_host(joined: list[Joined], deaths: list[Death]) -> set[str]:
    """Requests that were on a backend at the moment it lost power: no balancer can save those."""
    def doomed(j: Joined) -> bool:
        return j.request.outcome == "failed" and j.decision is not None and any(
            j.decision.backend == death.name and death.met(j.request) for death in deaths)
    return {j.request.request_id for j in joined if doomed(j)}


def lost_with_node(joined: list[Joined], decisions: list[Decision], death: Death) -> set[str]:
    """Failed requests whose connection went through the node when it lost power. The last rows of a node's log die with it: a
    connection that had been begun and that no living node had decided on was its own too."""
    before = [d for d in decisions if d.time_us <= death.done_us]
    through = {d.source for d in before if d.node == death.name}
    elsewhere = {d.source for d in before if d.node != death.name}
    return {j.request.request_id for j in joined if j.request.outcome == "failed" and death.met(j.request)
            and (j.request.source in through or j.request.source not in elsewhere)}


def longest_gap_ms(decisions: list[Decision], node: str, from_us: int, until_us: int) -> float:
    """Longest time within [from_us, until_us] in which the node took no new connection."""
    times = [from_us, *(d.time_us for d in decisions if d.node == node and from_us <= d.time_us <= until_us), until_us]
    return max(later - earlier for earlier, later in zip(times, times[1:])) / 1000


def moved_flows(decisions: list[Decision]) -> set[tuple[str, int]]:
    """Connections for which nodes decided more than once and differently."""
    backends: dict[tuple[str, int], set[str]] = {}
    for d in decisions:
        backends.setdefault(d.source, set()).add(d.backend)
    return {source for source, chosen in backends.items() if len(chosen) > 1}


def had_to_move(decisions: list[Decision], deaths: list[Death]) -> set[tuple[str, int]]:
    """Connections that were given to a backend or went through a node that died later or at most 2 s earlier: their packets
    had to find another way."""
    died_us = {death.name: death.done_us for death in deaths}
    return {d.source for d in decisions for name in (d.backend, d.node)
            if name in died_us and d.time_us <= died_us[name] + 2_000_000}


def doubled_flows(decisions: list[Decision], nodes: set[str]) -> int:
    """Connections that more than one of these nodes took on. 0 as long as none of them dies or returns: the router sends
    a connection through one node, and a frame that a bridge floods is nobody else's."""
    takers: dict[tuple[str, int], set[str]] = {}
    for d in decisions:
        if d.node in nodes:
            takers.setdefault(d.source, set()).add(d.node)
    return sum(len(taken) > 1 for taken in takers.values())
