# SPDX-License-Identifier: BSD-3-Clause
"""Latency and backend shares of a run over time, as a picture."""
from pathlib import Path
from typing import Any

from labkit.records import Joined
from labkit.report import MAX_P95_US, Event, per_second

EVENT_TEXT = {"kill": "{} loses power", "monitor-kill": "{} killed", "join": "{} joins", "slow": "{} turns slow"}
LATENCY_TICKS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


def event_text(event: Event) -> str:
    return EVENT_TEXT.get(event.kind, event.kind + " {}").format(event.target)


def draw(file: Path, joined: list[Joined], events: list[Event], title: str) -> None:
    """PNG or SVG by the file's ending."""
    import matplotlib  # type: ignore[import]  # here: half a second that only the end of a run needs
    matplotlib.use("Agg")
    from matplotlib import pyplot

    begin = min((j.request.arrival_us for j in joined), default=0)
    end_s = max(((j.request.arrival_us - begin) / 1e6 for j in joined), default=1.0)
    figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(11.5, 8), sharex=True, constrained_layout=True)
    figure.suptitle(title, fontsize=12)
    _draw_latency(top, joined, begin)
    _draw_shares(bottom, joined, matplotlib.colormaps["tab20"])
    for event in events:
        at = (event.time_us - begin) / 1e6
        for axes in (top, bottom):
            axes.axvline(at, color="black", linestyle="--", linewidth=1.2)
        top.annotate(f"{event_text(event)}\n{at:.0f} s", (at, 1.0), xycoords=("data", "axes fraction"),
                     xytext=(0, 4), textcoords="offset points", fontsize=10, va="bottom", ha="center")
    bottom.set_xlabel("seconds since the first request")
    bottom.set_xlim(0, end_s)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _draw_latency(axes: Any, joined: list[Joined], begin: int) -> None:
    seconds, figures, _ = per_second(joined)
    for name, color in (("p99", "#b2182b"), ("p95", "#e08214"), ("p50", "#1b7837")):
        axes.plot(seconds, [f[name] / 1000 for f in figures], label=name, color=color, linewidth=1.8)
    axes.axhline(MAX_P95_US / 1000, color="#e08214", linestyle=":", linewidth=1.5,
                 label=f"promise: p95 of the\nrun <= {MAX_P95_US / 1000:.0f} ms")
    axes.set_yscale("log")
    lowest, highest = axes.get_ylim()
    lost = [(j.request.arrival_us - begin) / 1e6 for j in joined if j.request.outcome != "ok"]
    if lost:
        lowest /= 1.5
        axes.plot(lost, [lowest * 1.2] * len(lost), "x", color="black", markersize=8, label=f"not served: {len(lost)}")
    axes.set_ylim(lowest, highest)
    ticks = [t for t in LATENCY_TICKS_MS if lowest <= t <= highest]
    axes.set_yticks(ticks, [str(t) for t in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("latency, ms (log scale)\nof requests that arrived in that second")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _draw_shares(axes: Any, joined: list[Joined], colors: Any) -> None:
    seconds, _, shares = per_second(joined)
    names = sorted({name for second in shares for name in second}, key=lambda n: (len(n), n))
    totals = [max(sum(second.values()), 1) for second in shares]
    rows = [[100 * second.get(name, 0) / total for second, total in zip(shares, totals)] for name in names]
    if rows:
        axes.stackplot(seconds, rows, labels=names, colors=[colors(i % 20) for i in range(len(names))])
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], title="backend", loc="center left", bbox_to_anchor=(1.0, 0.5))
    for i, name in enumerate(names):
        _name_widest(axes, name, seconds, rows[i], [sum(column[:i]) for column in zip(*rows)])
    axes.set_ylabel("share of answered requests, %")
    axes.set_ylim(0, 100)


def _name_widest(axes: Any, name: str, seconds: list[float], row: list[float], below: list[float]) -> None:
    """Writes a backend's name into its area where it is widest, if it fits."""
    inner = range(1, len(row) - 1)
    widest = max(inner, key=lambda i: row[i], default=None)
    if widest is not None and row[widest] >= 5:
        axes.text(seconds[widest], below[widest] + row[widest] / 2, name, fontsize=9, ha="center", va="center")
