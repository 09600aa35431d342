# SPDX-License-Identifier: BSD-3-Clause
"""Latency and backend shares of a run over time, as a picture."""
from pathlib import Path

from labkit.records import Joined
from labkit.report import Event, per_second


def draw(file: Path, joined: list[Joined], events: list[Event], title: str) -> None:
    """PNG or SVG by the file's ending."""
    import matplotlib  # type: ignore[import]  # here: half a second that only the end of a run needs
    matplotlib.use("Agg")
    from matplotlib import pyplot

    seconds, figures, shares = per_second(joined)
    begin = min((j.request.arrival_us for j in joined), default=0)
    figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(11, 8), sharex=True, constrained_layout=True)
    for name, color in (("p50", "#1b7837"), ("p95", "#e08214"), ("p99", "#b2182b")):
        top.plot(seconds, [f[name] / 1000 for f in figures], label=name, color=color, linewidth=1.6)
    top.axhline(200, color="grey", linestyle=":", linewidth=1)
    top.set_yscale("log")
    top.set_ylabel("latency, ms (requests that arrived in each second)")
    top.set_title(title)
    top.grid(alpha=0.3, which="both")

    names = sorted({name for second in shares for name in second}, key=lambda n: (len(n), n))
    totals = [max(sum(second.values()), 1) for second in shares]
    rows = [[100 * second.get(name, 0) / total for second, total in zip(shares, totals)] for name in names]
    colors = [matplotlib.colormaps["tab20"](i % 20) for i in range(len(names))]
    if rows:
        bottom.stackplot(seconds, rows, labels=names, colors=colors)
        handles, labels = bottom.get_legend_handles_labels()
        bottom.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5))
    bottom.set_ylabel("share of answered requests, %")
    bottom.set_xlabel("seconds")
    bottom.set_ylim(0, 100)

    failed = [(j.request.arrival_us - begin) / 1e6 for j in joined if j.request.outcome != "ok"]
    if failed:
        top.plot(failed, [top.get_ylim()[0] * 1.2] * len(failed), "x", color="black", label="not served (arrival)")
    for event in events:
        at = (event.time_us - begin) / 1e6
        for axes in (top, bottom):
            axes.axvline(at, color="black", linestyle="--", linewidth=1)
        bottom.annotate(f"{event.kind} {event.target}", (at, 98), rotation=90, fontsize=9, va="top", ha="right",
                        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8, "linewidth": 0})
    top.legend(loc="upper right")
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
