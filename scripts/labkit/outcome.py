# SPDX-License-Identifier: BSD-3-Clause
"""What a check of the live promises is given and gives: its size, figures and verdict."""
import json
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit import records, report
from labkit.default_run import Measured


@dataclass(frozen=True)
class Size:
    """How big and how long a check is."""
    nodes: int = 3
    backends: int = 6
    rate: float = 400
    seconds: float = 24
    seed: int = 1
    strokes: int = 2  # of each kind, for takeover


@dataclass
class Outcome:
    """Figures in the contract's names, and what does not hold."""
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.broken.append(otherwise)

    def tell(self, json_file: Path | None) -> None:
        """Prints the figures and what does not hold; the figures go into the file, too."""
        self.figures["holds"] = not self.broken
        text = json.dumps(self.figures, indent=2)
        print(text)
        if json_file:
            json_file.parent.mkdir(parents=True, exist_ok=True)
            json_file.write_text(text + "\n", encoding="utf-8")
        for line in self.broken:
            print(f"DOES NOT HOLD: {line}")


def _gap_figures(gaps_ms: list[float]) -> dict[str, float]:
    return {"median_ms": round(statistics.median(gaps_ms), 3) if gaps_ms else 0.0,
            "max_ms": round(max(gaps_ms), 3) if gaps_ms else 0.0}


def common_figures(run: Measured, gaps_ms: list[float], seed: int) -> dict[str, Any]:
    joined = run.joined
    failed = [j for j in joined if j.request.outcome != "ok"]
    served = sorted(j.request.latency_us for j in joined if j.request.outcome == "ok")
    return {
        "connections": len({d.source for d in run.decisions}), "broken": len(failed),
        "moved": len(records.moved_flows(run.decisions)),
        "packets_lost": _gap_figures(gaps_ms),
        "requests": len(joined), "failed": len(failed),
        "availability": len(served) / len(joined) if joined else 0.0,
        "p95_us": report.percentile(served, 0.95),
        "faults": dict(Counter(e.kind for e in run.events)), "seed": seed,
        "disagreements": sum(j.disagrees for j in joined),
        "errors": dict(Counter(j.request.error for j in failed)),
        "packets_dropped": run.samples.packets_dropped,
    }


def judge_common(outcome: Outcome, run: Measured) -> None:
    figures = outcome.figures
    outcome.require(figures["requests"] > 0, "no request was made")
    outcome.require(figures["disagreements"] == 0, f"{figures['disagreements']} answers from another backend than logged")
    outcome.require(figures["p95_us"] <= report.MAX_P95_US, f"p95 {figures['p95_us']} us is above {report.MAX_P95_US}")
    outcome.broken += run.errors
