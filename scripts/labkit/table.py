# SPDX-License-Identifier: BSD-3-Clause
"""The live table: redrawn in place on a terminal, one line a second elsewhere."""
import sys
from typing import Any

from labkit.report import Event, Samples, node_latency
from labkit.sampler import BackendView


def summary_line(elapsed_s: float, status: dict[str, Any], samples: Samples) -> str:
    latency = node_latency(samples)
    node = "-" if latency["mean"] is None else f"{latency['mean']:.0f}/{latency['p99']:.0f}"
    return (f"t={elapsed_s:3.0f}s rps={status.get('rps', 0):5d} "
            f"p50={status.get('p50_us', 0) / 1000:6.1f} p95={status.get('p95_us', 0) / 1000:6.1f} "
            f"p99={status.get('p99_us', 0) / 1000:6.1f} ms  ok={status.get('ok', 0)} "
            f"rejected={status.get('rejected', 0)} failed={status.get('failed', 0)} "
            f"in flight={status.get('in_flight', 0)}  node={node} us")


def backend_rows(status: dict[str, Any], views: dict[str, BackendView]) -> list[tuple[str, float, BackendView]]:
    """(name, share of the last second's answers, what the nodes say), by backend number."""
    answered: dict[str, int] = status.get("backends", {})
    total = max(sum(answered.values()), 1)
    names = sorted(set(answered) | set(views), key=lambda n: (len(n), n))
    return [(n, answered.get(n, 0) / total, views.get(n, BackendView())) for n in names]


class LiveTable:
    """Single thread. Draws on stdout."""

    def __init__(self) -> None:
        self._tty = sys.stdout.isatty()
        self._drawn = 0
        self._shown: dict[str, Any] | None = None

    def show(self, elapsed_s: float, status: dict[str, Any], samples: Samples, views: dict[str, BackendView],
             events: list[Event]) -> None:
        if status is self._shown:  # the generator has said nothing new: its end, or a busy machine
            return
        self._shown = status
        rows = backend_rows(status, views)
        if not self._tty:
            shares = " ".join(f"{n}:{100 * share:.0f}%/w{v.weight}{'' if v.state == 'active' else '/' + v.state}"
                              for n, share, v in rows)
            print(f"{summary_line(elapsed_s, status, samples)} | {shares}", flush=True)
            return
        lines = [summary_line(elapsed_s, status, samples), "",
                 f"{'backend':8} {'state':9} {'weight':>6} {'table':>7} {'answers':>8} {'in flight':>9} {'cpu':>5}"]
        for name, share, view in rows:
            cpu = "-" if view.cpu is None else f"{100 * view.cpu:.0f}%"
            lines.append(f"{name:8} {view.state:9} {view.weight:6d} {100 * view.share:6.1f}% {100 * share:7.1f}% "
                         f"{view.in_flight:9d} {cpu:>5} {'#' * round(100 * share)}")
        lines += ["", *[f"  {e.kind} {e.target} {e.detail}" for e in events[-4:]]]
        # Back to the first line of the last drawing; each line is cleared to its end.
        back = f"\x1b[{self._drawn}F" if self._drawn else ""
        print(back + "\n".join(line + "\x1b[K" for line in lines) + "\x1b[J", flush=True)
        self._drawn = len(lines)

    def say(self, text: str) -> None:
        """A line of its own (events) where nothing is redrawn; on a terminal the table lists events itself."""
        if not self._tty:
            print(text, flush=True)
