# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces: make them, enter them, wire the lab's hosts to its router."""
import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from labkit.plan import (CENTRAL_NET, CLIENT4, CLIENT6, CLIENT_GATEWAY4, CLIENT_GATEWAY6, FABRIC_MTU, ROUTER4, ROUTER6, ROUTER_MAC,
                         VIP4, VIP6, Plan)

RUN_NETNS = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something the operator can act on: one line."""


def run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or 'failed'}")
    return done.stdout


@contextlib.contextmanager
def entered(namespace: str) -> Iterator[None]:
    """This thread is in `namespace` inside the with; sockets opened there stay there."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(RUN_NETNS / namespace, "rb") as target:
        _setns(target.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


def command_in(namespace: str, *command: str) -> list[str]:
    """argv of a command inside a namespace. nsenter and not `ip netns exec`, which would hide our bpffs."""
    return ["nsenter", f"--net={RUN_NETNS / namespace}", "--", *command]


def set_sysctls(namespace: str, values: dict[str, str]) -> None:
    with entered(namespace):
        for key, value in values.items():
            Path("/proc/sys/net", key).write_text(value, encoding="ascii")


def connect_in(namespace: str, address: tuple[str, int], timeout: float) -> socket.socket:
    with entered(namespace):
        return socket.create_connection(address, timeout)


HOST_SYSCTLS = {
    "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/accept_dad": "0", "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/dad_transmits": "0",
}
# A host whose cable is back asks for its neighbours at once; who does not answer then, because the other end is not ready yet, is
# asked again after this, not after a second (docs/operations.md).
NEIGHBOUR_SYSCTLS = {"ipv4/neigh/eth0/retrans_time_ms": "100", "ipv6/neigh/eth0/retrans_time_ms": "100"}
ROUTER_SYSCTLS = HOST_SYSCTLS | {
    "ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/forwarding": "1",
    "ipv4/fib_multipath_hash_policy": "1", "ipv6/fib_multipath_hash_policy": "1",
    "ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
}
BACKEND_SYSCTLS = HOST_SYSCTLS | {
    # The vip is on lo of every backend: answer ARP for our own address only, and never announce the vip.
    "ipv4/conf/all/arp_ignore": "1", "ipv4/conf/default/arp_ignore": "1",
    "ipv4/conf/all/arp_announce": "2", "ipv4/conf/default/arp_announce": "2",
    "core/somaxconn": "8192", "ipv4/tcp_max_syn_backlog": "8192",
}
CLIENT_SYSCTLS = HOST_SYSCTLS | {
    "ipv4/ip_local_port_range": "1024 65535",
    # A packet keeps its socket's hash across a veth, and the router spreads by it. A socket would draw another one for
    # a retransmission and so come to another node: no router that hashes real packets does that.
    "core/txrehash": "0",
}


# Each look at a namespace's TCP sockets, as agents take ten a second, walks the whole table of the machine, 262144 buckets on a
# large one, unless a namespace has a table of its own. It gets one from where it is made (kernel 6.1).
SOCKET_BUCKETS = "4096"


def make_namespaces(plan: Plan) -> None:
    router = plan.namespace("router")
    run("ip", "netns", "add", router)
    with contextlib.suppress(FileNotFoundError):
        set_sysctls(router, {"ipv4/tcp_child_ehash_entries": SOCKET_BUCKETS})
    for host in ["client", *plan.names()]:
        run(*command_in(router, "ip", "netns", "add", plan.namespace(host)))
    set_sysctls(router, ROUTER_SYSCTLS)
    set_sysctls(plan.namespace("client"), CLIENT_SYSCTLS)
    for node in plan.nodes:
        set_sysctls(plan.namespace(node.name), HOST_SYSCTLS)
    for backend in plan.backends:
        set_sysctls(plan.namespace(backend.name), BACKEND_SYSCTLS)
    for central in plan.centrals:
        set_sysctls(plan.namespace(central.name), HOST_SYSCTLS)


def remove_namespaces(lab: str) -> list[str]:
    """Removes every namespace of this lab; returns their names."""
    if not RUN_NETNS.is_dir():
        return []
    names = sorted(p.name for p in RUN_NETNS.iterdir() if p.name.startswith(f"fl-{lab}-"))
    for name in names:
        run("ip", "netns", "del", name)
    return names


def batch(namespace: str, lines: list[str]) -> None:
    run("ip", "-n", namespace, "-batch", "-", text="\n".join(lines) + "\n")


def wire(plan: Plan) -> None:
    """Client and router by a cable; nodes and backends on the router's bridge `fabric`."""
    router = plan.namespace("router")
    lines = [
        "link set lo up",
        f"link add fabric mtu {FABRIC_MTU} address {ROUTER_MAC} type bridge forward_delay 0 stp_state 0",
        "link set fabric up",
        f"address add {ROUTER4}/16 dev fabric", f"address add {ROUTER6}/64 dev fabric nodad",
        f"link add client type veth peer name eth0 netns {plan.namespace('client')}",
        f"address add {CLIENT_GATEWAY4}/24 dev client", f"address add {CLIENT_GATEWAY6}/64 dev client nodad",
        "link set client up",
    ]
    hosts = [(h.name, h.mac) for h in plan.hosts()]
    for name, mac in hosts:
        lines += [
            f"link add {name} mtu {FABRIC_MTU} numrxqueues 1 numtxqueues 1 type veth peer name eth0 "
            f"address {mac} mtu {FABRIC_MTU} numrxqueues 1 numtxqueues 1 netns {plan.namespace(name)}",
            f"link set {name} master fabric up",
        ]
    batch(router, lines)
    for name, _ in hosts:
        # XDP on the far end sees packets as the kernel hands them over: with the checksum still to be filled in,
        # unless the last device before it may not leave that to hardware.
        run(*command_in(router, "ethtool", "-K", name, "tx", "off"))
        # What an XDP program sends out of a veth by redirect, the peer takes only if it polls (NAPI), as with GRO.
        run(*command_in(router, "ethtool", "-K", name, "gro", "on"))
        run(*command_in(plan.namespace(name), "ethtool", "-K", "eth0", "tx", "off"))
    _address_client(plan)
    for host in (*plan.nodes, *plan.centrals):
        _address_host(plan, host.name, host.address4, host.address6, [])
    for backend in plan.backends:
        _address_host(plan, backend.name, backend.address4, backend.address6,
                      [f"address add {VIP4}/32 dev lo", f"address add {VIP6}/128 dev lo nodad"])


def _address_client(plan: Plan) -> None:
    lines = ["link set lo up", "link set eth0 up"]
    lines += [f"address add {a}/24 dev eth0" for a in CLIENT4]
    lines += [f"address add {a}/64 dev eth0 nodad" for a in CLIENT6]
    lines += [f"route add default via {CLIENT_GATEWAY4}", f"route add default via {CLIENT_GATEWAY6}"]
    batch(plan.namespace("client"), lines)


def _address_host(plan: Plan, name: str, address4: str, address6: str, more: list[str]) -> None:
    batch(plan.namespace(name), [
        "link set lo up", f"address add {address4}/16 dev eth0", f"address add {address6}/64 dev eth0 nodad", *more])
    set_sysctls(plan.namespace(name), NEIGHBOUR_SYSCTLS)
    power_link(plan, name, on=name not in plan.spare)


def power_link(plan: Plan, name: str, on: bool) -> None:
    """The host's own interface up or down: its cable loses carrier at once, as when the host loses power."""
    namespace = plan.namespace(name)
    if not on:
        batch(namespace, ["link set eth0 down"])
        return
    addresses = {host.name: host.address6 for host in plan.hosts()}
    batch(namespace, [
        "link set eth0 up",
        f"address replace {addresses[name]}/64 dev eth0 nodad",  # the kernel drops IPv6 addresses with the link
        f"route replace default via {ROUTER4}", f"route replace default via {ROUTER6}",
    ])


def part_from(plan: Plan, name: str, kinds: list[str], away: bool) -> None:
    """The host's packets to all hosts of these kinds vanish (`etcd`, `monitor`), or arrive again."""
    lines = [f"route {'replace' if away else 'del'} blackhole {CENTRAL_NET[kind]}.0/24" for kind in kinds]
    batch(plan.namespace(name), lines)


def switch_port(plan: Plan, name: str, on: bool) -> None:
    """The port of the switch `fabric` to this host loses every frame, both ways, while the cable keeps its carrier; or not any more."""
    run("bridge", "-n", plan.namespace("router"), "link", "set", "dev", name, "state", "3" if on else "0")
