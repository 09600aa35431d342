# SPDX-License-Identifier: BSD-3-Clause
"""The lab's router: ECMP of the vips over the announced nodes that have carrier.

Stands in for BGP with BFD: `announce DIR/<node>` files play the nodes' announcements, the carrier of a node's cable
plays BFD. Nexthop groups are resilient: a node that goes takes only its own connections' share with it.

usage: python3 -m labkit.routes ANNOUNCE_DIR NODE=ADDRESS4,ADDRESS6...   (inside the router's namespace)
"""
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from labkit.plan import VIP4, VIP6

GROUP4, GROUP6 = 100, 200
BUCKETS = 512
RTMGRP_LINK = 1


def carriers_up() -> set[str]:
    """Interfaces with carrier, asked of this namespace (our /sys shows the namespace it was mounted in)."""
    text = subprocess.run(["ip", "-o", "link", "show", "up"], capture_output=True, text=True, check=True).stdout
    names = set()
    for line in text.splitlines():
        name = line.split(":")[1].strip().split("@")[0]
        if "LOWER_UP" in line.split(">")[0]:
            names.add(name)
    return names


def ids(nodes: dict[str, tuple[str, str]], group: int) -> dict[str, int]:
    return {node: group + 1 + position for position, node in enumerate(nodes)}


def make_nexthops(nodes: dict[str, tuple[str, str]]) -> list[str]:
    """`ip -batch` lines for what never changes: one nexthop a node and family."""
    return [f"nexthop replace id {ids(nodes, group)[node]} via {addresses[column]} dev fabric"
            for group, column in ((GROUP4, 0), (GROUP6, 1)) for node, addresses in nodes.items()]


def commands(nodes: dict[str, tuple[str, str]], serving: list[str], before: list[str]) -> list[str]:
    """`ip -batch` lines that route the vips over the serving nodes instead of those before."""
    lines = []
    for vip, group in ((VIP4, GROUP4), (VIP6, GROUP6)):
        if not serving:
            lines += [f"route del {vip}", f"nexthop del id {group}"]
            continue
        members = "/".join(str(ids(nodes, group)[n]) for n in serving)
        # idle_timer 1 s lets a returning node take buckets over between requests, unbalanced_timer bounds its wait.
        lines.append(f"nexthop replace id {group} group {members} type resilient buckets {BUCKETS} "
                     "idle_timer 1 unbalanced_timer 5")
        if not before:
            lines.append(f"route replace {vip} nhid {group}")
    return lines


def main() -> int:
    announce = Path(sys.argv[1])
    nodes: dict[str, tuple[str, str]] = {}
    for argument in sys.argv[2:]:
        name, _, addresses = argument.partition("=")
        address4, _, address6 = addresses.partition(",")
        nodes[name] = (address4, address6)
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    events.bind((0, RTMGRP_LINK))
    subprocess.run(["ip", "-batch", "-"], input="\n".join(make_nexthops(nodes)) + "\n", text=True, check=True)
    serving: list[str] = []
    while True:
        up = carriers_up()
        wanted = [n for n in nodes if n in up and (announce / n).exists()]
        if wanted != serving:
            text = "\n".join(commands(nodes, wanted, serving)) + "\n"
            done = subprocess.run(["ip", "-batch", "-"], input=text, text=True, check=False)
            print(f"{time.time():.3f} nodes={','.join(wanted) or '-'} status={done.returncode}", flush=True)
            serving = wanted
        if select.select([events], [], [], 0.3)[0]:
            events.recv(65536)


if __name__ == "__main__":
    sys.exit(main())
