# SPDX-License-Identifier: BSD-3-Clause
"""A node's death in the moment that a table generation changes, while connections are held open (tests/lab/hold.cc)."""
import json
import random
import subprocess
import time
from typing import Any

from labkit import slot_owners
from labkit.configs import HASH_KEY
from labkit.fleet import Fleet
from labkit.namespaces import batch, command_in, run
from labkit.plan import ECHO_PORT, VIP4, VIP_PORT, Node
from labkit.processes import wait_until
from labkit.slot_owners import Endpoint

CONNECTIONS = 1000
SOURCES = [f"10.99.0.{i}" for i in range(100, 132)]
PERIOD_S = 5   # between two requests of a connection
QUIET_S = 2.0   # no new generation for so long: the fleet has settled
SETTLED_WITHIN_S = 12.0
SETTLE_S = 4.0  # until the connections are open
SPOKEN_S = PERIOD_S + 3.0  # after the death: every connection has asked, and was answered or reset
FOLLOWED_WITHIN_S = 5.0
CHANGES = ("reload", "set-weight", "drain")  # what makes the new generation, by seed


class NodeDeath:
    """`held` has what lab-hold saw; every connection speaks at least once after the death. `digests`: of the nodes' tables
    before and after the change of weights."""

    def __init__(self, fleet: Fleet, seconds: float, seed: int) -> None:
        self._fleet = fleet
        self._seconds = seconds
        self._weights = random.Random(seed)
        self._new_rate = 50.0
        self.change = CHANGES[(seed - 1) % len(CHANGES)]
        self.victim = fleet.plan.nodes[-1]
        self.survivors = fleet.plan.nodes[:-1]
        self.held: dict[str, Any] = {}
        self.digests: list[list[str]] = []

    def _generations(self, nodes: tuple[Node, ...]) -> list[int]:
        return [int(self._fleet.ask(n, "show status")["generation"]) for n in nodes]

    def _note_digests(self, nodes: tuple[Node, ...]) -> None:
        self.digests.append([str(self._fleet.ask(n, "show table", vip="web")["digest"]) for n in nodes])

    def _wait_settled(self) -> None:
        """A fleet that comes up publishes a generation for every backend that turns healthy, and a slot remembers only the
        owner before this one: connections of that time are not what is asked."""
        before: list[int] = []
        begun = time.monotonic()
        while time.monotonic() < begun + SETTLED_WITHIN_S:
            now = self._generations(self._fleet.plan.nodes)
            if now == before:
                return
            before = now
            time.sleep(QUIET_S)

    def _new_weights(self) -> None:
        self._fleet.set_pool({name: self._weights.randint(50, 200) for name in self._fleet.pool()})
        self._fleet.reload()

    def _command(self, command: str, **arguments: Any) -> None:
        for node in self._fleet.plan.nodes:
            self._fleet.ask(node, command, **arguments)

    def strike(self) -> None:
        """While the connections are open: the change and the death at once."""
        backend = self._weights.choice(list(self._fleet.pool()))
        if self.change == "reload":
            self._new_weights()
        elif self.change == "set-weight":
            self._command("set backend", backend=backend, weight=self._weights.randint(30, 70))
        else:
            self._command("drain backend", backend=backend)
        self._fleet.kill(self.victim.name)

    def run(self) -> None:
        fleet = self._fleet
        self._wait_settled()
        self._note_digests(fleet.plan.nodes)
        command = [str(fleet.build / "tests/lab/lab-hold"), "--target", f"{VIP4}:{VIP_PORT}", "--echo",
                   f"{VIP4}:{ECHO_PORT}", "--source", SOURCES[0], "--sources", str(len(SOURCES)), "--connections",
                   str(CONNECTIONS), "--period", str(PERIOD_S), "--packet-rate", "50", "--new-rate", str(self._new_rate),
                   "--seconds", str(self._seconds - 6)]
        # Addresses of its own: the load generator binds ports of the others.
        batch(fleet.plan.namespace("client"), [f"address replace {a}/24 dev eth0" for a in SOURCES])
        child = subprocess.Popen(command_in(fleet.plan.namespace("client"), *command), stdout=subprocess.PIPE, text=True)
        time.sleep(SETTLE_S + PERIOD_S)
        self.strike()
        text, _ = child.communicate(timeout=self._seconds + 30)
        self.held = json.loads(text) if text else {}
        self._note_digests(self.survivors)


class CountedDeath(NodeDeath):
    """The same where nobody finds a lost connection's backend (IPIP, one candidate): those of the dead node break whose slot
    belongs to another backend now, and no other. Which these are is computed by slot_owners before anything breaks. So that it can
    be said for each of them, the node dies in the moment that the others have the new generation, not a little before."""

    def __init__(self, fleet: Fleet, seconds: float, seed: int) -> None:
        super().__init__(fleet, seconds, seed)
        self._new_rate = 0.1  # the ones that come and go are not what is counted
        self.change = "reload"  # of all weights: much to predict
        self.carried = 0  # connections of the victim
        self.predicted: set[Endpoint] = set()
        self.broken: set[Endpoint] = set()
        self.disagreements: list[str] = []  # between slot_owners and the nodes

    def strike(self) -> None:
        before = dict(self._fleet.pool())
        known = self._open() & self._open()
        served = self._served_by_victim(known)
        self._change_everywhere()
        self._fleet.kill(self.victim.name)
        time.sleep(SPOKEN_S)
        self.broken = known - self._open()
        self._predict(before, self._fleet.pool(), served)

    def _open(self) -> set[Endpoint]:
        """The client's ends of established connections to the vip, as its kernel has them."""
        text = run(*command_in(self._fleet.plan.namespace("client"), "ss", "-Htn", "state", "established", "dst", f"{VIP4}:{VIP_PORT}"))
        ends = [line.split()[2].rpartition(":") for line in text.splitlines()]
        return {(address, int(port)) for address, _, port in ends if address in SOURCES}

    def _candidate(self, node: Node, client: Endpoint) -> dict[str, Any]:
        return self._fleet.ask(node, "lookup", protocol="tcp", src=client[0], sport=client[1], dst=VIP4, dport=VIP_PORT)

    def _served_by_victim(self, clients: set[Endpoint]) -> dict[Endpoint, str]:
        """Those whose flow the victim has, and the backend it sends them to."""
        answers = {c: self._candidate(self.victim, c)["flow"] for c in clients}
        return {c: str(flow["backend"]) for c, flow in answers.items() if flow["found"]}

    def _change_everywhere(self) -> None:
        """New weights; returns when the survivors' workers have them."""
        before = self._generations(self.survivors)
        self._new_weights()

        def followed() -> bool:
            answers = [self._fleet.ask(n, "show status") for n in self.survivors]
            return all(a["generation"] > was and a["dataplane"]["generation_acknowledged"] == a["generation"]
                       for a, was in zip(answers, before))
        wait_until(followed, FOLLOWED_WITHIN_S, "the survivors' workers did not take up the new weights")

    def _predict(self, before: dict[str, int], after: dict[str, int], served: dict[Endpoint, str]) -> None:
        """Also holds the prediction's two tables against what victim and survivors said."""
        key = slot_owners.key_of(HASH_KEY)
        old = slot_owners.base_table(before, key)
        new = slot_owners.base_table(after, key, old)
        self.carried = len(served)
        for client, backend in served.items():
            was, now = slot_owners.owner(old, key, client), slot_owners.owner(new, key, client)
            if was != now:
                self.predicted.add(client)
            if was != backend:
                self.disagreements.append(f"{client} went to {backend}, its slot was {was}'s")
            for node in self.survivors:
                says = self._candidate(node, client)["candidates"][0]["backend"]
                if says != now:
                    self.disagreements.append(f"{client}: {node.name} has {says} for it, not {now}")


def check_digests(death: NodeDeath) -> str:
    """Empty, or what differs."""
    for when, digests in zip(("before", "after"), death.digests):
        if len(set(digests)) != 1:
            return f"{when} the change of weights the nodes have different tables: {', '.join(digests)}"
    return "" if len(death.digests) == 2 else "the digests were not read"
