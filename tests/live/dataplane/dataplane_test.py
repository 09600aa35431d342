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

from client_cases import case_answers, case_flows, case_kernel, case_kernel_vip
from gate_cases import (case_gate_fits, case_gate_flush, case_gate_generic, case_gate_layout, case_gate_mac, case_gate_queues,
                        case_gate_vips, case_gateless)
from lone_node import (ACK, AF_PACKET, AF_XDP, CLIENTS, SYN, LoneNode, gateway, need_root, send, start, tcp_frame,
                       tunnelled, wait_for)
from port_cases import case_mac, case_mtu, case_ports_af_xdp, case_ports_refused
from takeover_cases import case_gate_held, case_gate_tells


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
        assert books["rx"] == books["tx"] + books["punted"] + books["answered"] + books["dropped"], books
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


def case_workers(build: Path, device: str = AF_PACKET) -> None:
    """Workers come and go under traffic: every packet comes out, every flow stays where it is, though the table in force
    would send all of them elsewhere."""
    with LoneNode(build, device, workers=1, most=3, queues=3) as node:
        start(node, {"b1": 100, "b2": 100})
        assert node.status()["workers"] == 1
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before
            node.write_config({"b1": 1, "b2": 10000})
            assert node.publish() == 2
            wait_for("table in force", lambda: node.status()["generation"] == 2)
            sent = 2 * len(CLIENTS)
            for workers in (2, 3, 1, 3, 1):
                send(node, raw, ACK, CLIENTS[:50])
                assert node.ask("set worker count", count=workers)["ok"]
                send(node, raw, ACK, CLIENTS[50:])
                after = tunnelled(raw, len(CLIENTS))
                assert after == before, f"{workers} workers: flows moved or packets lost"
                sent += len(CLIENTS)
                cores = node.ask("show core")["result"]["cores"]
                assert len(cores) == workers, cores
            queues = [q for c in node.ask("show core")["result"]["cores"] for q in c["queues"].split(":")[1].split(",")]
            assert sorted(queues) == ["0", "1", "2"], queues
            for wrong in (0, 4):
                refused = node.ask("set worker count", count=wrong)
                assert refused["code"] == "invalid_argument", refused
            node.ask("stop forwarding")
            assert "from start on" in node.cli("set", "worker", "count", "2")
            assert node.status()["workers"] == 0, "only start ends a rest"
            assert node.ask("start forwarding")["result"]["workers"] == 2
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before, "flows moved"
            sent += len(CLIENTS)
        port = node.ask("show port", port=0, what="info")["result"]["ports"][0]
        assert port["queues"] == 3 and port["steering"] == "device", port
        assert node.stop() == 0
        assert node.books()["rx"] <= sent


def case_no_queue(build: Path) -> None:
    """A worker that would have no queue is refused, with what to do about it."""
    with LoneNode(build, AF_XDP, workers=1, most=2) as node:
        start(node, {"b1": 100})
        refused = node.ask("set worker count", count=2)
        assert refused["code"] == "failed_precondition" and "ethtool -L" in refused["message"], refused
        assert node.status()["workers"] == 1
        assert node.stop() == 0
        node.workers = 2
        node.write_config({"b1": 100})
        try:
            node.start()
            raise SystemExit("started with a worker that has no queue")
        except AssertionError as e:
            assert "ended with 2" in str(e), e
        assert "has 1 receive queue(s) for 2 workers" in node.log.read_text()


def case_fewer_workers(build: Path) -> None:
    """Killed with three workers and started with one, it finds the flows of all three."""
    with LoneNode(build, AF_XDP, workers=3, queues=3) as node:
        start(node, {"b1": 100, "b2": 100})
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            send(node, raw, ACK)
            tunnelled(raw, len(CLIENTS))
            flows = [core["flows"] for core in node.ask("show core")["result"]["cores"]]
            assert sum(flows) == len(CLIENTS) and max(flows) < len(CLIENTS), flows
            node.stop(signal.SIGKILL)
            node.workers = node.most = 1
            node.write_config({"b1": 1, "b2": 10000})
            node.publish()
            node.start()
            wait_for("gateway resolved", lambda: gateway(node))
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before, "flows moved"
        wait_for("each flow is one worker's", lambda: node.ask("show core")["result"]["cores"][0]["flows"] == len(CLIENTS))
        assert node.stop() == 0


def case_ports(build: Path) -> None:
    """A port comes at run time, the first one goes, and the flows go on over the new one."""
    with LoneNode(build, AF_PACKET) as node:
        start(node, {"b1": 100, "b2": 100})
        node.make_veth("fl2", "fl3", "10.78.0")
        with node.peer_socket() as raw, node.peer_socket("fl3") as other:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            assert "port 1 added" in node.cli("add", "port", "net_af_packet1,iface=fl2", "gateway", "10.78.0.2")
            again = node.ask("add port", device="net_af_packet1,iface=fl2")
            assert again["code"] == "already_exists", again
            wrong = node.ask("add port", device="net_nonsense0")
            assert wrong["code"] == "invalid_argument" and "net_nonsense0" in wrong["message"], wrong
            wrong = node.ask("add port", device="net_af_xdp5,iface=nosuch")
            assert "nosuch" in wrong["message"] and "packet" not in wrong["message"], wrong
            node.write_config({"b1": 1, "b2": 10000})
            node.publish()
            wait_for("gateway resolved", lambda: node.ask("show port")["result"]["ports"][1]["gateway_mac"])
            wait_for("table in force", lambda: node.status()["generation"] == 2)
            send(node, other, ACK, link="fl2")
            assert tunnelled(other, len(CLIENTS)) == before, "flows moved"
            assert "port 0 removed" in node.cli("del", "port", "0")
            send(node, other, ACK, link="fl2")
            assert tunnelled(other, len(CLIENTS)) == before, "flows moved"
            last = node.ask("del port", port=1)
            assert last["code"] == "failed_precondition", last
            assert node.ask("del port", port=7)["code"] == "not_found"
            node.ask("stop forwarding")
            resting = node.ask("add port", device="net_af_packet0,iface=fl0")
            assert resting["code"] == "failed_precondition", resting
            assert len(node.ask("show port")["result"]["ports"]) == 1
            node.ask("start forwarding")
            assert "port 0 added" in node.cli("add", "port", "net_af_packet0,iface=fl0", "gateway", "10.77.0.2")
            wait_for("gateway resolved", lambda: all(p["gateway_mac"] for p in node.ask("show port")["result"]["ports"]))
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before, "flows moved"
        xstats = node.ask("show port", port=1, what="xstats")["result"]["ports"][0]["xstats"]
        counted = {x["name"]: x["value"] for x in xstats}
        assert counted["rx_good_packets"] >= 2 * len(CLIENTS), counted
        stats = node.cli("show", "port", "1", "stats")
        assert "net_af_packet1" in stats and "WORKER" in stats, stats
        assert "no rules because" in node.cli("show", "port", "1", "info")
        assert node.stop() == 0


def case_link(build: Path, device: str = AF_PACKET) -> None:
    """A link that goes down, and an interface that is removed, are told once; the process goes on."""
    with LoneNode(build, device) as node:
        start(node, {"b1": 100})
        def link() -> str:
            return node.ask("show port")["result"]["ports"][0]["link"]
        node.in_node("ip", "link", "set", "fl0", "down")
        wait_for("link down is told", lambda: "link down" in node.log.read_text())
        assert link() == "down"
        node.in_node("ip", "link", "set", "fl0", "up")
        wait_for("link up is told", lambda: "fl0 link up" in node.log.read_text())
        node.in_node("ip", "link", "del", "fl0")
        wait_for("removal is told", lambda: "gone: the device or interface was removed" in node.log.read_text())
        assert link() == "gone"
        assert node.status()["workers"] == 1
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


def case_checksums(build: Path) -> None:
    """Whoever fills them in, the port (a tap has the bit) or we, the outer checksums that arrive are right."""
    for checksums, by in (("software", "software"), ("auto", "port")):
        with LoneNode(build, "net_tap0,iface=flwire0") as node:
            node.write_config({"b1": 100, "b2": 100}, f"gateway: 10.77.0.2, checksums: {checksums}")
            node.publish()
            node.start()
            node.in_node("ip", "link", "set", "flwire0", "netns", node.peer_ns)
            node.in_peer("ip", "link", "set", "flwire0", "address", "02:00:00:00:00:77", "up")
            node.in_peer("ip", "addr", "add", "10.77.0.2/24", "dev", "flwire0")
            wait_for("gateway resolved", lambda: gateway(node) == "02:00:00:00:00:77")
            wait_for("table in force", lambda: node.status()["generation"] >= 1)
            port = node.ask("show port", port=0, what="info")["result"]["ports"][0]
            assert port["checksums"] == by, port
            assert f"checksums='{by}'" in node.log.read_text()
            with node.peer_socket("flwire0") as raw:
                for address, number in CLIENTS:
                    raw.send(tcp_frame(bytes.fromhex(port["mac"].replace(":", "")), address, number, SYN))
                assert len(tunnelled(raw, len(CLIENTS))) == len(CLIENTS), by
            assert node.stop() == 0


def neighbour(node: LoneNode) -> str | None:
    entries = json.loads(node.in_node("ip", "-j", "neigh", "show", "10.77.0.1") or "[]")
    return next((e["lladdr"] for e in entries if "lladdr" in e), None)


CASES = {
    "answers": case_answers,
    "checksums": case_checksums,
    "flows": case_flows,
    "forwards": case_forwards,
    "forwards-af-xdp": lambda build: case_forwards(build, AF_XDP),
    "kernel-af-xdp": case_kernel,
    "kernel-vip": case_kernel_vip,
    "gate-fits": case_gate_fits,
    "gate-flush": case_gate_flush,
    "gate-generic": case_gate_generic,
    "gate-held": case_gate_held,
    "gate-layout": case_gate_layout,
    "gate-mac": case_gate_mac,
    "gate-queues": case_gate_queues,
    "gate-tells": case_gate_tells,
    "gate-vips": case_gate_vips,
    "gateless": case_gateless,
    "own-arp": case_own_arp,
    "punt-tap": case_punt_tap,
    "restart": case_restart,
    "restart-af-xdp": lambda build: case_restart(build, AF_XDP),
    "second": case_second,
    "two-workers": case_two_workers,
    "workers": case_workers,
    "workers-af-xdp": lambda build: case_workers(build, AF_XDP),
    "fewer-workers": case_fewer_workers,
    "ports": case_ports,
    "ports-af-xdp": case_ports_af_xdp,
    "ports-refused": case_ports_refused,
    "mac": case_mac,
    "mtu": case_mtu,
    "mtu-af-xdp": lambda build: case_mtu(build, AF_XDP),
    "link": case_link,
    "link-af-xdp": lambda build: case_link(build, AF_XDP),
    "no-queue": case_no_queue,
}


def main() -> None:
    need_root()
    CASES[sys.argv[2]](Path(sys.argv[1]).resolve())


main()
