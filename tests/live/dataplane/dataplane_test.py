#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The data plane alone on a real interface: forwards, logs, answers, stops, finds its flows again.

Usage: dataplane_test.py BUILD CASE
"""
from __future__ import annotations

import csv
import json
import signal
import sys
from pathlib import Path

from lone_node import LoneNode, need_root, tcp_frame, tunnelled, wait_for

SYN, ACK = 0x02, 0x10
CLIENTS = [(f"198.51.100.{i + 1}", 2000 + i) for i in range(100)]


def send(node: LoneNode, raw, flags: int, clients=CLIENTS) -> None:
    mac = node.node_mac()
    for address, port in clients:
        raw.send(tcp_frame(mac, address, port, flags))


def start(node: LoneNode, weights: dict[str, int]) -> None:
    node.make_veth()
    node.write_config(weights)
    node.publish()
    node.start()
    wait_for("gateway resolved", lambda: gateway(node))
    wait_for("table in force", lambda: node.status()["generation"] >= 1)


def gateway(node: LoneNode) -> str | None:
    return node.ask("show port")["result"]["ports"][0]["gateway_mac"]


AF_PACKET, AF_XDP = "net_af_packet0,iface=fl0", "net_af_xdp0,iface=fl0"


def case_forwards(build: Path, device: str = AF_PACKET) -> None:
    """Every new flow comes back in a tunnel, has a row in the log, and SIGTERM ends it well."""
    with LoneNode(build, device) as node:
        start(node, {"b1": 100, "b2": 100})
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            where = tunnelled(raw, len(CLIENTS))
        assert len(where) == len(CLIENTS), f"{len(where)} of {len(CLIENTS)} came back"
        assert set(where.values()) == {"10.88.0.1", "10.88.0.2"}, set(where.values())
        assert gateway(node) == node.peer_mac()
        core = node.ask("show core")["result"]["cores"][0]
        assert core["flows"] == len(CLIENTS), core
        assert node.ask("show memory")["result"]["allocator"] == "jemalloc"
        assert node.ask("show nothing")["code"] == "invalid_argument"
        assert node.stop() == 0
        books = node.books()
        assert books["tx"] == len(CLIENTS), books
        assert books["rx"] == books["tx"] + books["punted"] + books["dropped"], books
        rows = list(csv.DictReader((node.folder / "run/decisions.csv").open()))
        names = {"10.88.0.1": "b1", "10.88.0.2": "b2"}
        logged = {(r["src_ip"], int(r["src_port"])): r["backend_id"] for r in rows}
        assert logged == {k: names[v] for k, v in where.items()}
        assert {(r["protocol"], r["dst_ip"], r["dst_port"], r["vip"]) for r in rows} == {
            ("tcp", "203.0.113.10", "80", "web")}


def case_restart(build: Path, device: str = AF_PACKET) -> None:
    """Killed and started again, it keeps every flow, though the new table would move half of them."""
    with LoneNode(build, device) as node:
        start(node, {"b1": 100, "b2": 100})
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            send(node, raw, ACK)
            tunnelled(raw, len(CLIENTS))
            node.stop(signal.SIGKILL)
            node.write_config({"b1": 1, "b2": 10000})
            assert node.publish() == 2
            node.start()
            wait_for("gateway resolved", lambda: gateway(node))
            wait_for("flows found", lambda: node.ask("show core")["result"]["cores"][0]["flows"])
            send(node, raw, ACK)
            after = tunnelled(raw, len(CLIENTS))
            fresh = [(f"198.51.101.{i + 1}", 3000) for i in range(50)]
            send(node, raw, SYN, fresh)
            new = tunnelled(raw, len(fresh))
        assert before == after, "flows moved"
        assert len(set(before.values())) == 2
        assert list(new.values()).count("10.88.0.2") >= 45, "the new table is not in force"
        assert node.stop() == 0


def case_second(build: Path) -> None:
    """A second data plane in the same runtime folder is refused and harms nothing."""
    with LoneNode(build, AF_PACKET) as node:
        start(node, {"b1": 100})
        first = node.process
        try:
            node.start()
            raise SystemExit("a second data plane started")
        except AssertionError as e:
            assert "ended with" in str(e), e
        node.process = first
        assert "another fairlead-dataplane runs" in node.log.read_text()
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            assert len(tunnelled(raw, len(CLIENTS))) == len(CLIENTS)
        assert node.ask("stop")["ok"]
        assert first is not None and first.wait(timeout=10) == 0


def case_two_workers(build: Path) -> None:
    """Two workers on one core share a port of two queues; each flow is one worker's."""
    with LoneNode(build, AF_PACKET, workers=2) as node:
        start(node, {"b1": 100, "b2": 100})
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            first = tunnelled(raw, len(CLIENTS))
            send(node, raw, ACK)
            second = tunnelled(raw, len(CLIENTS))
        assert len(first) == len(CLIENTS) and first == second
        cores = node.ask("show core")["result"]["cores"]
        assert sum(core["flows"] for core in cores) == len(CLIENTS), cores
        assert node.stop() == 0


def case_own_arp(build: Path) -> None:
    """On a port no kernel owns (a tap, whose other end plays the router) it does ARP by itself."""
    with LoneNode(build, "net_tap0,iface=fltap0") as node:
        node.write_config({"b1": 100}, "gateway: 10.77.0.2")
        node.publish()
        node.start()
        node.in_node("ip", "addr", "add", "10.77.0.2/24", "dev", "fltap0")
        node.in_node("ip", "link", "set", "fltap0", "up")
        wait_for("gateway answered our question", lambda: gateway(node))
        node.quietly("bash", "-c", "echo x > /dev/udp/10.77.0.1/9")  # makes the router ask
        known = wait_for("the router's question was answered", lambda: neighbour(node))
        port = node.ask("show port")["result"]["ports"][0]
        assert known == port["mac"], (known, port)
        assert node.stop() == 0


def case_punt_tap(build: Path) -> None:
    """Through a punt tap the node's kernel and the router talk over a port that DPDK owns."""
    with LoneNode(build, "net_tap0,iface=flwire0") as node:
        node.write_config({"b1": 100}, "gateway: 10.77.0.2, punt_tap: flp0")
        node.publish()
        node.start()
        node.in_node("ip", "link", "set", "flwire0", "netns", node.peer_ns)
        node.in_peer("ip", "link", "set", "flwire0", "address", "02:00:00:00:00:77", "up")
        node.in_peer("ip", "addr", "add", "10.77.0.2/24", "dev", "flwire0")
        node.in_node("ip", "link", "set", "flp0", "up")
        node.in_node("ip", "addr", "add", "10.77.0.1/24", "dev", "flp0")
        wait_for("the kernel resolved the gateway", lambda: gateway(node) == "02:00:00:00:00:77")
        with node.socket_in(node.node_ns) as there, node.socket_in(node.peer_ns) as here:
            there.bind(("10.77.0.1", 7777))
            here.sendto(b"question", ("10.77.0.1", 7777))
            question, client = there.recvfrom(100)
            there.sendto(b"answer to " + question, client)
            assert here.recv(100) == b"answer to question"
        assert node.stop() == 0


def neighbour(node: LoneNode) -> str | None:
    entries = json.loads(node.in_node("ip", "-j", "neigh", "show", "10.77.0.1") or "[]")
    return next((e["lladdr"] for e in entries if "lladdr" in e), None)


CASES = {
    "forwards": case_forwards,
    "forwards-af-xdp": lambda build: case_forwards(build, AF_XDP),
    "own-arp": case_own_arp,
    "punt-tap": case_punt_tap,
    "restart": case_restart,
    "restart-af-xdp": lambda build: case_restart(build, AF_XDP),
    "second": case_second,
    "two-workers": case_two_workers,
}


def main() -> None:
    need_root()
    CASES[sys.argv[2]](Path(sys.argv[1]).resolve())


main()
