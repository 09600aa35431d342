# SPDX-License-Identifier: BSD-3-Clause
"""Figures of a run in the contract's form. Pure: records in, dictionaries out."""
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from labkit.records import Death, Decision, Joined

MIN_AVAILABILITY = 0.9999
MAX_P95_US = 200_000


@dataclass(frozen=True)
class Event:
    """Something that was done to the fleet."""
    time_us: int
    kind: str    # kill, join, slow, heal
    target: str
    detail: str = ""
    begun_us: int = 0  # an action that takes effect between then and time_us; 0: at time_us

    def death(self) -> Death:
        return Death(self.target, self.begun_us or self.time_us, self.time_us)


@dataclass
class Samples:
    """What was read from the nodes while the load ran."""
    cpu: dict[str, list[float]] = field(default_factory=dict)          # by backend, 0..1
    node_mean_us: dict[str, float] = field(default_factory=dict)       # last value by node
    node_p99_us: dict[str, float] = field(default_factory=dict)
    node_flows: dict[str, int] = field(default_factory=dict)
    decisions_skipped: int = 0
    packets_dropped: dict[str, int] = field(default_factory=dict)      # by reason, all nodes
    conservation_error: int = 0
    shifted_us: int = 0


def percentile(ordered: list[int], share: float) -> int:
    """Nearest rank: the smallest value that at least `share` of all are not above. 0 for no values."""
    if not ordered:
        return 0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency_figures(latencies: list[int]) -> dict[str, float]:
    ordered = sorted(latencies)
    mean = round(sum(ordered) / len(ordered), 1) if ordered else 0.0
    return {"mean": mean, "p50": percentile(ordered, 0.50), "p95": percentile(ordered, 0.95),
            "p99": percentile(ordered, 0.99), "p999": percentile(ordered, 0.999)}


def node_latency(samples: Samples) -> dict[str, float | None]:
    """Mean over nodes by their flows; p99 of the worst node. None: no node told."""
    if not samples.node_mean_us:
        return {"mean": None, "p99": None}
    weights = {n: max(samples.node_flows.get(n, 1), 1) for n in samples.node_mean_us}
    mean = sum(samples.node_mean_us[n] * w for n, w in weights.items()) / sum(weights.values())
    return {"mean": round(mean, 3), "p99": round(max(samples.node_p99_us.values(), default=0.0), 3)}


def make_report(joined: list[Joined], decisions: list[Decision], samples: Samples, events: list[Event],
                policy: str, seed: int) -> dict[str, Any]:
    """report.json. Latency is that of answered requests; availability counts every request that is not `ok`; throughput
    is answered requests over the time in which requests arrived."""
    outcomes = Counter(j.request.outcome for j in joined)
    served = [j.request for j in joined if j.request.outcome == "ok"]
    total = len(joined)
    arrivals = [j.request.arrival_us for j in joined]
    span_us = max(arrivals, default=0) - min(arrivals, default=0)
    per_backend: dict[str, dict[str, Any]] = {}
    for name, count in Counter(r.backend for r in served).items():
        cpu = samples.cpu.get(name, [])
        per_backend[name] = {"requests": count, "utilisation": round(sum(cpu) / len(cpu), 4) if cpu else None}
    return {
        "requests": total, "ok": outcomes["ok"], "rejected": outcomes["rejected"], "failed": outcomes["failed"],
        "availability": outcomes["ok"] / total if total else 0.0,
        "throughput_rps": round(len(served) * 1e6 / span_us, 1) if span_us > 0 else 0.0,
        "latency_us": latency_figures([r.latency_us for r in served]),
        "node_latency_us": node_latency(samples),
        "per_backend": dict(sorted(per_backend.items(), key=lambda item: (len(item[0]), item[0]))),
        "policy": policy, "seed": seed,
        "disagreements": sum(j.disagrees for j in joined),
        "without_decision": sum(j.decision is None for j in joined),
        "decisions_logged": len(decisions), "decided_again": len(decisions) - len({d.source for d in decisions}),
        "decisions_skipped": samples.decisions_skipped,
        "errors": dict(Counter(j.request.error for j in joined if j.request.outcome != "ok")),
        "packets_dropped": samples.packets_dropped, "conservation_error": samples.conservation_error,
        "schedule_shifted_us": samples.shifted_us,
        "events": [{"t_us": e.time_us, "kind": e.kind, "target": e.target, "detail": e.detail} for e in events],
    }


def verdict(report: dict[str, Any]) -> list[str]:
    """What does not hold, one line each; empty: all holds."""
    broken = []
    if report["requests"] == 0:
        broken.append("no request was made")
    if report["availability"] < MIN_AVAILABILITY:
        broken.append(f"availability {report['availability']:.6f} is below {MIN_AVAILABILITY}")
    if report["latency_us"]["p95"] > MAX_P95_US:
        broken.append(f"p95 {report['latency_us']['p95'] / 1000:.1f} ms is above {MAX_P95_US / 1000:.0f} ms")
    if report["disagreements"]:
        broken.append(f"{report['disagreements']} answers came from another backend than the node's log says")
    return broken


def per_second(joined: list[Joined]) -> tuple[list[float], list[dict[str, float]], list[dict[str, int]]]:
    """For the plot: seconds since the first arrival; latency figures and answers by backend of the requests
    that arrived in each."""
    if not joined:
        return [], [], []
    begin = min(j.request.arrival_us for j in joined)
    buckets: dict[int, list[Joined]] = {}
    for j in joined:
        if j.request.outcome == "ok":
            buckets.setdefault((j.request.arrival_us - begin) // 1_000_000, []).append(j)
    seconds = sorted(buckets)
    if len(seconds) > 2 and len(buckets[seconds[-1]]) < len(buckets[seconds[-2]]) // 2:
        seconds.pop()  # only begun: its shares would say nothing
    figures = [latency_figures([j.request.latency_us for j in buckets[s]]) for s in seconds]
    shares = [dict(Counter(j.request.backend for j in buckets[s])) for s in seconds]
    return [float(s) + 0.5 for s in seconds], figures, shares
