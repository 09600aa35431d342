# SPDX-License-Identifier: BSD-3-Clause
"""What can happen to a fleet, by name, each with its end: `scripts/lab fault NAME...` (docs/lab.md)."""
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from labkit import namespaces
from labkit.fleet import Fleet
from labkit.namespaces import LabError, connect_in
from labkit.plan import Central

HOW = ("power", "process", "hang", "link")
# The process that `process` and `hang` mean.
PART = {"lb": "dataplane", "b": "server", "monitor": "monitor", "etcd": "etcd"}
SLOW = 0.3
FLAPS, FLAP_S = 4, 0.15
STRUCK_LEADER = "struck-leader"
LEAVE_MS = 10_000


@dataclass(frozen=True)
class Fault:
    """`strike` may return when it took effect (CLOCK_REALTIME microseconds). `heal` may be called whatever has happened."""
    words: str
    targets: tuple[str, ...]  # hosts
    strike: Callable[[], int | None]
    heal: Callable[[], None]
    loses: bool = False  # what is on these hosts may be lost


def names() -> list[str]:
    hows = "|".join(HOW)
    return [f"kill node NODE {hows}", f"kill backend BACKEND {hows}", "kill monitor leader|MONITOR [process|hang]",
            "kill etcd 1|2|3|all", "partition HOST", "slow backend BACKEND", "flap HOST", "update-config", "upgrade NODE", "leave NODE"]


def find(fleet: Fleet, words: list[str], healing: bool = False) -> Fault:
    """The fault that these words name; `healing`: one that was struck, perhaps by another process. Errors: LabError with what
    there is."""
    nodes, backends = [n.name for n in fleet.plan.nodes], [b.name for b in fleet.plan.backends]
    match words:
        case ["kill", "node", name, how] if how in HOW and name in nodes:
            return _host_fault(fleet, name, how, "lb", words)
        case ["kill", "backend", name, how] if how in HOW and name in backends:
            return _host_fault(fleet, name, how, "b", words)
        case ["kill", "monitor", who, *how] if fleet.plan.centrals and how in ([], ["process"], ["hang"]):
            name = who if who != "leader" else _struck_leader(fleet) if healing else leader(fleet)
            found = _host_fault(fleet, _central(fleet, name, "monitor"), how[0] if how else "process", "monitor", words)
            return _remembered(fleet, found) if who == "leader" else found
        case ["kill", "etcd", who] if fleet.plan.centrals:
            return _etcd_fault(fleet, who)
        case ["partition", name] if fleet.plan.centrals:
            return _partition(fleet, name)
        case ["slow", "backend", name] if name in backends:
            return Fault(" ".join(words), (name,), lambda: fleet.set_speed(name, SLOW), lambda: fleet.set_speed(name, 1.0))
        case ["flap", name] if name in fleet.plan.names():
            return Fault(f"flap {name}", (name,), lambda: _flap(fleet, name),
                         lambda: namespaces.power_link(fleet.plan, name, on=True), loses=name in backends)
        case ["update-config"]:
            return _update_config(fleet)
        case ["upgrade", name] if name in nodes:
            return Fault(f"upgrade {name}", (name,), lambda: _upgrade(fleet, name), lambda: None)
        case ["leave", name] if name in nodes:
            return Fault(f"leave {name}", (name,), lambda: _leave(fleet, name), lambda: fleet.heal(name))
    raise LabError(f"no fault '{' '.join(words)}' in this lab; there are: {'; '.join(names())}")


def _remembered(fleet: Fleet, fault: Fault) -> Fault:
    """When it is healed another monitor leads: the fault keeps who it was."""
    def strike() -> int | None:
        (fleet.dir / STRUCK_LEADER).write_text(fault.targets[0], encoding="ascii")
        return fault.strike()
    return replace(fault, strike=strike)


def _struck_leader(fleet: Fleet) -> str:
    file = fleet.dir / STRUCK_LEADER
    if not file.exists():
        raise LabError("no leader was killed in this lab")
    return file.read_text(encoding="ascii")


def leader(fleet: Fleet) -> str:
    """The monitor that leads, by their own word: of several (a hanging one still says so) the one with the highest term."""
    terms: dict[str, float] = {}
    for central in fleet.plan.centrals:
        if central.kind == "monitor":
            figures = monitor_figures(fleet, central)
            if figures.get("fairlead_monitor_leads"):
                terms[central.name] = figures.get("fairlead_monitor_term", 0)
    if not terms:
        raise LabError("no monitor leads now")
    return max(terms, key=lambda name: terms[name])


def monitor_figures(fleet: Fleet, central: Central) -> dict[str, float]:
    """Its /metrics; empty where it does not answer."""
    try:
        with connect_in(fleet.plan.namespace(central.name), ("127.0.0.1", 9301), 1.0) as peer:
            peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: peer.recv(65536), b"")).decode()
    except OSError:
        return {}
    rows = [line.split() for line in text.splitlines() if line.startswith("fairlead_monitor_")]
    return {row[0]: float(row[1]) for row in rows if len(row) == 2}


def _central(fleet: Fleet, name: str, kind: str) -> str:
    if name not in [c.name for c in fleet.plan.centrals if c.kind == kind]:
        raise LabError(f"no {kind} '{name}' in this lab")
    return name


def _host_fault(fleet: Fleet, name: str, how: str, kind: str, words: list[str]) -> Fault:
    plan, part = fleet.plan, PART[kind]

    def cut() -> int:
        namespaces.power_link(plan, name, on=False)
        return time.time_ns() // 1000

    def wake() -> None:
        fleet.processes.signal(name, part, signal.SIGCONT)

    strike: dict[str, Callable[[], int]] = {
        "power": lambda: fleet.kill(name), "link": cut,
        "process": lambda: fleet.kill(name, part), "hang": lambda: fleet.kill(name, part, signal.SIGSTOP)}
    heal: dict[str, Callable[[], None]] = {
        "power": lambda: fleet.heal(name), "link": lambda: namespaces.power_link(plan, name, on=True),
        "process": lambda: fleet.heal(name), "hang": wake}
    # What goes through a node is found again by the others and the agents; monitors carry no packets.
    loses = kind == "b"
    return Fault(" ".join(words), (name,), strike[how], heal[how], loses)


def _etcd_fault(fleet: Fleet, who: str) -> Fault:
    members = [c.name for c in fleet.plan.centrals if c.kind == "etcd"]
    chosen = members if who == "all" else [_central(fleet, f"etcd{who}", "etcd")]

    def strike() -> None:
        for name in chosen:
            fleet.kill(name, "etcd")

    def heal() -> None:
        for name in chosen:
            fleet.heal(name)
    return Fault(f"kill etcd {who}", tuple(chosen), strike, heal)


def _partition(fleet: Fleet, name: str) -> Fault:
    """A node hears neither monitors nor etcd, a monitor no etcd; packets of clients go on."""
    kinds = ["etcd"] if name.startswith("monitor") else ["etcd", "monitor"]
    if name not in [h.name for h in (*fleet.plan.nodes, *fleet.plan.centrals)] or name.startswith("etcd"):
        raise LabError(f"no node or monitor '{name}' in this lab")

    def heal() -> None:
        namespaces.part_from(fleet.plan, name, kinds, away=False)
    return Fault(f"partition {name}", (name,), lambda: namespaces.part_from(fleet.plan, name, kinds, away=True), heal)


def _flap(fleet: Fleet, name: str) -> int:
    first_us = 0
    for _ in range(FLAPS):
        namespaces.power_link(fleet.plan, name, on=False)
        first_us = first_us or time.time_ns() // 1000
        time.sleep(FLAP_S)
        namespaces.power_link(fleet.plan, name, on=True)
        time.sleep(FLAP_S)
    return first_us


def _update_config(fleet: Fleet) -> Fault:
    """One node's operator commits other weights for all, and takes them back."""
    pool = fleet.pool()

    other = {name: 60 + 10 * (i % 8) for i, name in enumerate(pool)}
    return Fault("update-config", (), lambda: fleet.commit_pool(other, "other weights"), lambda: fleet.commit_pool(pool, "as before"))


def _upgrade(fleet: Fleet, name: str) -> None:
    fleet.kill(name, "control", signal.SIGTERM)
    fleet.processes.wait_gone(name, "control")
    fleet.heal(name)
    fleet.upgrade(name)


def _leave(fleet: Fleet, name: str) -> None:
    """As docs/operations.md says: the node retires, control ends when nothing comes any more, then the data plane."""
    fleet.ask(fleet.plan.node(name), "retire node", deadline_ms=LEAVE_MS)
    fleet.processes.wait_gone(name, "control", LEAVE_MS / 1000 + 5)
    fleet.processes.stop(fleet.processes.find(name, "dataplane"), grace_s=5)
