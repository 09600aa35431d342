# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab check probes: probes through the tunnel say what clients get, whoever owns the queue that their answers come by."""
import signal
import time
from typing import Any

from labkit.default_run import measure
from labkit.fleet import Fleet
from labkit.namespaces import batch, set_sysctls
from labkit.outcome import Outcome, Size
from labkit.plan import VIP4, Node
from labkit.processes import LabError, wait_until

PATIENCE_S = 15.0
PROBES = 4  # in a row, without a failure


class Probes:
    """Steps on a running fleet whose health section says `via: tunnel`; LabError if one does not come about."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.steps: dict[str, float] = {}  # what came about, seconds it took

    def run(self) -> None:
        fleet = self._fleet
        web = next(b.name for b in fleet.plan.backends if b.nginx)
        first, second = (b.name for b in fleet.plan.backends[-2:])
        self._step("all up", lambda: self._all({}))
        self._step("answered while the data plane owns the queue", self._answered(by_gate=False))
        fleet.kill(web, "server")  # nginx still takes connections, and answers 502
        self._step("HTTP 502 is down", lambda: self._all({web: "down"}))
        fleet.heal(web)
        self._step("HTTP 200 is up", lambda: self._all({}))
        self._decapsulation(first, "data plane")
        for node in fleet.plan.nodes:
            fleet.kill(node.name, "dataplane")
        self._step("gates own the queues", lambda: all(self._owned_by_gate(n) for n in fleet.plan.nodes))
        self._step("answered while the gate owns the queue", self._answered(by_gate=True))
        self._decapsulation(second, "gate")
        self._filter(fleet.plan.nodes[0])

    def _step(self, what: str, come_about: Any) -> None:
        begun = time.monotonic()
        try:
            wait_until(come_about, PATIENCE_S, f"not seen: {what}")
        except LabError as error:
            raise LabError(f"{error}: {self._note()}") from error
        self.steps[what] = round(time.monotonic() - begun, 2)

    def _rows(self, node: Node) -> list[dict[str, Any]]:
        rows = self._fleet.ask(node, "show health")["checks"]
        return [row for row in rows if row["vip"] in ("web", "web6")]

    def _note(self) -> str:
        return "; ".join(f"{node.name}: {[(r['backend'], r['vip'], r['state'], r['via'], r['last_result']) for r in self._rows(node)]}"
                         for node in self._fleet.plan.nodes)

    def _all(self, others: dict[str, str], via: str = "tunnel") -> bool:
        """Every node has every backend up, but for `others`."""
        return all(row["state"] == others.get(row["backend"], "up") and row["via"] == via
                   for node in self._fleet.plan.nodes for row in self._rows(node))

    def _owned_by_gate(self, node: Node) -> bool:
        return bool(self._fleet.ask(node, "show status")["gate"].get("forwards_for"))

    def _answered(self, by_gate: bool) -> Any:
        """PROBES more of every check, none failed, and the queue is owned by whom we mean."""
        def counts() -> dict[tuple[str, str, str], tuple[int, int]]:
            return {(n.name, r["backend"], r["vip"]): (r["probes"], r["failures"]) for n in self._fleet.plan.nodes for r in self._rows(n)}

        before = counts()

        def done() -> bool:
            now = counts()
            failed = [key for key in before if now[key][1] != before[key][1]]
            if failed:
                raise LabError(f"probes failed: {failed}")
            if any(self._owned_by_gate(n) != by_gate for n in self._fleet.plan.nodes):
                raise LabError("another owns the queue")
            return all(now[key][0] >= before[key][0] + PROBES for key in before)

        return done

    def _decapsulation(self, backend: str, owner: str) -> None:
        """The service lives on, but tunnels end nowhere: a probe to the backend itself would call it up."""
        self._fleet.kill(backend, "agent", signal.SIGTERM)
        self._step(f"without decapsulation down ({owner})", lambda: self._all({backend: "down"}))
        self._fleet.heal(backend)
        self._step(f"with it up ({owner})", lambda: self._all({}))

    def _filter(self, node: Node) -> None:
        """A route to the vip by another interface, and the reverse path filter: answers would be dropped, so probes go directly."""
        space = self._fleet.plan.namespace(node.name)
        batch(space, ["link add flother type veth peer name flpeer", "link set flpeer up", "link set flother up", f"route add {VIP4}/32 dev flother"])
        set_sysctls(space, {"ipv4/conf/eth0/rp_filter": "1"})
        self._fleet.reload()

        def refused() -> bool:
            log = (self._fleet.dir / node.name / "control.log").read_text(encoding="utf-8", errors="replace")
            return "reverse path filter of eth0 would drop answers from " + VIP4 in log and \
                {r["via"] for r in self._rows(node) if r["vip"] == "web"} == {"direct"} and \
                {r["via"] for r in self._rows(node) if r["vip"] == "web6"} == {"tunnel"}

        self._step("reverse path filter refused, with the reason in the log", refused)
        set_sysctls(space, {"ipv4/conf/eth0/rp_filter": "0"})
        batch(space, ["link del flother"])
        self._fleet.reload()
        self._step("filter gone: through the tunnel again", lambda: self._all({}))


def probes(fleet: Fleet, size: Size) -> Outcome:
    """Probes through the tunnel prove the vip's path, and their answers reach the kernel, whether the data plane owns the queue or the
    gate does."""
    steps = Probes(fleet)
    outcome = Outcome({"seed": size.seed})

    def during() -> None:
        try:
            steps.run()
        except LabError as error:
            outcome.broken.append(str(error))

    run = measure(fleet, size.rate / 8, size.seconds, [], size.seed, during=during)
    outcome.figures |= {"steps_s": steps.steps, "requests": len(run.joined)}
    return outcome
