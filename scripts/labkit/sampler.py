# SPDX-License-Identifier: BSD-3-Clause
"""Reads the nodes once a second while a load runs: weights, states, loads, forwarding latency, drops."""
import threading
from dataclasses import dataclass
from typing import Any

from labkit.control_socket import Refused, Unavailable
from labkit.fleet import Fleet
from labkit.report import Samples


@dataclass
class BackendView:
    """A backend as the nodes see it: the IPv4 pool of the first node that answers; in_flight over all nodes."""
    state: str = "?"
    weight: int = 0
    share: float = 0.0
    cpu: float | None = None
    in_flight: int = 0


class Sampler:
    """`backends` is replaced as a whole at each turn; `samples` grows until stop()."""

    def __init__(self, fleet: Fleet, interval_s: float = 1.0) -> None:
        self._fleet = fleet
        self._interval_s = interval_s
        self.samples = Samples()
        self.backends: dict[str, BackendView] = {}
        self.nodes_answering = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> Samples:
        self._end.set()
        self._thread.join(timeout=10)
        self._turn()
        return self.samples

    def _run(self) -> None:
        while not self._end.wait(self._interval_s):
            self._turn()

    def _turn(self) -> None:
        views: dict[str, BackendView] = {}
        answering = 0
        totals: list[dict[str, Any]] = []
        for node in self._fleet.plan.nodes:
            try:
                rows = self._fleet.ask(node, "show backend", timeout=1.0)["backends"]
                stats = self._fleet.ask(node, "show stats", timeout=1.0)
                drops = self._fleet.ask(node, "show drop", timeout=1.0)
            except (Unavailable, Refused):
                continue
            answering += 1
            self._add_backends(views, rows, first=answering == 1)
            self._add_latency(node.name, stats)
            residue = sum(abs(int(w.get("residue") or 0)) for w in stats.get("workers", []))
            totals.append(stats.get("total", {}) | {"reasons": drops.get("reasons", []), "residue": residue})
        self.nodes_answering = answering
        self.backends = views
        for name, view in views.items():
            if view.cpu is not None:
                self.samples.cpu.setdefault(name, []).append(view.cpu)
        if answering == len(self._fleet.plan.nodes):
            self._set_totals(totals)

    @staticmethod
    def _add_backends(views: dict[str, BackendView], rows: list[dict[str, Any]], first: bool) -> None:
        for row in rows:
            view = views.setdefault(row["id"], BackendView())
            view.in_flight += int(row.get("in_flight") or 0) if row["vip"] == "web" else 0
            if first and row["vip"] == "web":
                view.state = row.get("state", "?")
                view.weight = int(row.get("weight") or 0)
                view.share = float(row.get("share") or 0.0)
                view.cpu = row.get("cpu")

    def _add_latency(self, node: str, stats: dict[str, Any]) -> None:
        latency = stats.get("node_latency_since_start_us") or {}
        if latency.get("mean") is not None:
            self.samples.node_mean_us[node] = float(latency["mean"])
            self.samples.node_p99_us[node] = float(latency.get("p99") or 0.0)
            self.samples.node_flows[node] = int((stats.get("total") or {}).get("flow_inserts") or 1)

    def _set_totals(self, totals: list[dict[str, Any]]) -> None:
        self.samples.decisions_skipped = sum(int(t.get("decisions_skipped") or 0) for t in totals)
        self.samples.conservation_error = sum(t["residue"] for t in totals)
        dropped: dict[str, int] = {}
        for total in totals:
            for reason in total["reasons"]:
                if reason.get("drops"):
                    dropped[reason["name"]] = dropped.get(reason["name"], 0) + int(reason["drops"])
        self.samples.packets_dropped = dropped
