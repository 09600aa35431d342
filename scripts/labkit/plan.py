# SPDX-License-Identifier: BSD-3-Clause
"""What a lab consists of, as values: names, addresses, speeds. Pure: nothing is made here."""
from dataclasses import dataclass, field

VIP4 = "203.0.113.10"
VIP6 = "2001:db8:113::10"
VIP_PORT = 80
ECHO_PORT = 5000  # UDP, to lab-echo
ROUTER_MAC = "02:77:00:00:00:01"
ROUTER4, ROUTER6 = "10.77.0.1", "fd77::1"
CLIENT_GATEWAY4, CLIENT_GATEWAY6 = "10.99.0.1", "2001:db8:99::1"
CLIENT4 = [f"10.99.0.{i}" for i in range(10, 42)]
CLIENT6 = [f"2001:db8:99::{i:x}" for i in range(0x10, 0x30)]
FABRIC_MTU = 1600  # room for the outer headers: 1500 + 20 (IPIP) .. 40 (6in6) + GUE
LOAD_PORT = 8081
MONITORING_PORT = 9200
CENTRAL_NET = {"monitor": "10.77.3", "etcd": "10.77.4"}
ETCD_PORT, ETCD_PEER_PORT, CENTRAL_PORT = 2379, 2380, 9300
MONITOR = f"{ROUTER4}:9300"  # where fairlead-monitor listens, if there is one


@dataclass(frozen=True)
class Node:
    """One load-balancer host."""
    number: int

    @property
    def name(self) -> str:
        return f"lb{self.number}"

    @property
    def address4(self) -> str:
        return f"10.77.1.{self.number}"

    @property
    def address6(self) -> str:
        return f"fd77::1:{self.number:x}"

    @property
    def mac(self) -> str:
        return f"02:77:00:01:00:{self.number:02x}"


@dataclass(frozen=True)
class Central:
    """A host of the fleet as a whole: `etcd1`.., `monitor1`... """
    kind: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind}{self.number}"

    @property
    def address4(self) -> str:
        return f"{CENTRAL_NET[self.kind]}.{self.number}"

    @property
    def address6(self) -> str:
        return f"fd77::{3 if self.kind == 'monitor' else 4}:{self.number:x}"

    @property
    def mac(self) -> str:
        return f"02:77:00:{3 if self.kind == 'monitor' else 4:02x}:00:{self.number:02x}"


@dataclass(frozen=True)
class Backend:
    """One server: `cores` requests at once, each mean_ms / speed long; the speed swings by `drift` over time."""
    number: int
    cores: int = 2
    concurrency: int = 64
    mean_ms: float = 10.0
    distribution: str = "lognormal"
    sigma: float = 0.5
    speed: float = 1.0
    drift: float = 0.0
    drift_period_s: float = 30.0
    nginx: bool = False

    @property
    def name(self) -> str:
        return f"b{self.number}"

    @property
    def address4(self) -> str:
        return f"10.77.2.{self.number}"

    @property
    def address6(self) -> str:
        return f"fd77::2:{self.number:x}"

    @property
    def mac(self) -> str:
        return f"02:77:00:02:00:{self.number:02x}"


@dataclass(frozen=True)
class Plan:
    """A lab. `spare` backends exist as hosts that are off; they join the pools later (`heal`, then reload)."""
    lab: str = "fleet"
    nodes: tuple[Node, ...] = ()
    backends: tuple[Backend, ...] = ()
    spare: frozenset[str] = frozenset()
    policy: str = "adaptive"
    encapsulation: str = "ipip"
    seed: int = 1
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def monitored(self) -> bool:
        """A fairlead-monitor runs on the router: agents report to it, nodes exchange counts through it."""
        return "monitor" in self.extra

    @property
    def centrals(self) -> tuple[Central, ...]:
        """Three members of etcd and two monitors, each on a host of its own."""
        if "fleet" not in self.extra:
            return ()
        return (*(Central("etcd", i) for i in (1, 2, 3)), *(Central("monitor", i) for i in (1, 2)))

    @property
    def by_bird(self) -> bool:
        """BIRD on the router and on every node routes the vips; without it labkit.routes stands in for routers' protocols."""
        return "bird" in self.extra

    @property
    def monitors(self) -> list[str]:
        """ADDRESS:PORT of every fairlead-monitor."""
        if self.centrals:
            return [f"{c.address4}:{CENTRAL_PORT}" for c in self.centrals if c.kind == "monitor"]
        return [MONITOR] if self.monitored else []

    def node(self, name: str) -> Node:
        return next(n for n in self.nodes if n.name == name)

    def backend(self, name: str) -> Backend:
        return next(b for b in self.backends if b.name == name)

    def hosts(self) -> list["Node | Backend | Central"]:
        return [*self.nodes, *self.backends, *self.centrals]

    def names(self) -> list[str]:
        return [host.name for host in self.hosts()]

    def namespace(self, host: str) -> str:
        return f"fl-{self.lab}-{host}"


# Unequal on purpose: a pool whose members differ by a factor of 4 shows whether weights follow measurements, since
# the configuration calls them all equal.
SPEEDS = (1.0, 1.0, 1.5, 0.7, 2.0, 1.0, 0.5, 1.5, 1.0, 0.8, 1.2)


def make_plan(lab: str = "fleet", nodes: int = 5, backends: int = 10, spares: int = 1, policy: str = "adaptive",
              encapsulation: str = "ipip", seed: int = 1, steady: bool = False) -> Plan:
    """The usual fleet: unequal speeds, every third backend drifting, nginx before two. `steady`: all alike, no drift."""
    made = []
    for number in range(1, backends + spares + 1):
        if steady:
            made.append(Backend(number))
            continue
        made.append(Backend(
            number, speed=SPEEDS[(number - 1) % len(SPEEDS)], drift=0.3 if number % 3 == 0 else 0.0,
            drift_period_s=20.0 + number, nginx=number in (2, 6)))
    spare = frozenset(f"b{backends + i}" for i in range(1, spares + 1))
    return Plan(lab=lab, nodes=tuple(Node(i) for i in range(1, nodes + 1)), backends=tuple(made), spare=spare,
                policy=policy, encapsulation=encapsulation, seed=seed)
