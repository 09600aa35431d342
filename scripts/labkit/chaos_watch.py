# SPDX-License-Identifier: BSD-3-Clause
"""What the nodes and monitors of a fleet say between two faults, and whether they agree."""
import time
from typing import Any

from labkit import faults
from labkit.control_socket import Refused, Unavailable
from labkit.fleet import Fleet
from labkit.namespaces import LabError
from labkit.processes import wait_until

SETTLE_S = 20.0  # from a fault's end until all agree again, busy machine included


class Watch:
    """What the nodes say between faults."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.terms: dict[str, int] = {}
        self.generation = 0  # of the leader's weights, the newest that a node had
        self.broken: list[str] = []
        self.settled_s: list[float] = []
        self.slowest = (0.0, "")  # settling, and what was waited for
        self._missing = "nothing"

    def statuses(self) -> list[dict[str, Any]]:
        return [self.fleet.ask(node, "show status") for node in self.fleet.plan.nodes]

    def agree(self) -> bool:
        """All serve, with one digest, by one leader; etcd is there and nothing waits."""
        try:
            rows = self.statuses()
        except (Unavailable, Refused):
            return False
        for row in rows:
            term = int(row["fleet"]["term"])
            if term < self.terms.get(row["node"], 0):
                self.broken.append(f"{row['node']} went back from term {self.terms[row['node']]} to {term}")
            self.generation = max(self.generation, int(row["fleet"]["weights_generation"]))
            self.terms[row["node"]] = max(term, self.terms.get(row["node"], 0))
        missing = self._missing_in(rows)
        self._missing = missing or self._missing
        return not missing

    @staticmethod
    def _missing_in(rows: list[dict[str, Any]]) -> str:
        """What they do not agree in; "": they do."""
        for name, values in (("digests", {row["digest"] for row in rows}), ("terms", {row["fleet"]["term"] for row in rows})):
            if len(values) > 1:
                return f"{name} {sorted(map(str, values))}"
        for row in rows:
            if not row["fleet"]["fresh"]:
                return f"{row['node']} hears no monitor"
            if not row["routes"]["announced"]:
                return f"{row['node']}: {row['routes']['state']}"
            if row["etcd"]["away"] or row["etcd"]["waiting"]:
                return f"{row['node']}: etcd"
        return ""

    def settle(self, after: str) -> None:
        begun, self._missing = time.monotonic(), "nothing"
        try:
            wait_until(self.agree, SETTLE_S, f"after '{after}' the nodes do not agree")
        except LabError as error:
            self.broken.append(f"{error}: {self._differences()}")
        self.settled_s.append(round(time.monotonic() - begun, 2))
        self.slowest = max(self.slowest, (self.settled_s[-1], f"after '{after}': {self._missing}"))

    def _differences(self) -> str:
        out = []
        for node in self.fleet.plan.nodes:
            try:
                row = self.fleet.ask(node, "show status")
            except (Unavailable, Refused) as error:
                out.append(f"{node.name}: {error}")
                continue
            out.append(f"{node.name}: digest {row['digest']} term {row['fleet']['term']} fresh {row['fleet']['fresh']} "
                       f"{row['routes']['state']} etcd away {row['etcd']['away']} waiting {row['etcd']['waiting']}")
        return "; ".join(out)

    def leaders(self) -> list[str]:
        return [c.name for c in self.fleet.plan.centrals
                if c.kind == "monitor" and faults.monitor_figures(self.fleet, c).get("fairlead_monitor_leads")]
