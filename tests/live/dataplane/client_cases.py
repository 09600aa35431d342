# SPDX-License-Identifier: BSD-3-Clause
"""Cases of dataplane_test.py in which a client's kernel or a control daemon takes part."""
from __future__ import annotations

import json
import socket
import struct
import time
from pathlib import Path

from lone_node import ACK, AF_PACKET, AF_XDP, CLIENTS, SYN, VIP, LoneNode, checksum, gateway, send, tunnelled, wait_for

DNS = """
  - name: dns
    address: 203.0.113.10
    protocol: udp
    port: 53
    backends: [{id: b1, address: 10.88.0.1}]
"""


def case_answers(build: Path) -> None:
    """A kernel as client: its echo request is answered; it is told of the tunnel's MTU and cuts the next datagram by it.
    (Not over net_af_packet, whose sockets get IPv4 fragments put together by the kernel.)"""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.write_config({"b1": 100}, rest=DNS)
        node.publish()
        node.start()
        node.in_peer("ip", "route", "add", VIP, "via", "10.77.0.1")
        wait_for("gateway resolved", lambda: gateway(node))
        wait_for("table in force", lambda: node.status()["generation"] >= 1)
        ask_echo(node, VIP)
        with node.socket_in(node.peer_ns) as client, node.peer_socket() as raw:
            client.sendto(bytes(3000), (VIP, 53))
            wait_for("the client knows the MTU", lambda: "mtu 1480" in node.in_peer("ip", "route", "get", VIP))
            assert inner_packet(raw) is None, "fragments of a datagram whose first one was too big"
            client.sendto(bytes(3000), (VIP, 53))
            pieces = [wait_for("a fragment in its tunnel", lambda: inner_packet(raw)) for _ in range(3)]
        lengths = [len(p) - 20 for p in pieces]
        assert sum(lengths) == 3008 and max(lengths) <= 1460, lengths
        assert node.stop() == 0
        books = node.books()
        assert books["rx"] == books["tx"] + books["punted"] + books["answered"] + books["dropped"], books
        assert books["answered"] == 2, books


def ask_echo(node: LoneNode, address: str, seconds: float = 10) -> None:
    with node.socket_in(node.peer_ns, socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp:
        icmp.settimeout(seconds)
        request = struct.pack(">BBHHH", 8, 0, 0, 4711, 1) + b"are you there"  # 21 bytes
        icmp.sendto(request[:2] + struct.pack(">H", checksum(request + b"\0")) + request[4:], (address, 0))
        reply, (who, _) = icmp.recvfrom(2048)
        assert who == address and reply[20] == 0 and reply[24:] == request[4:], (who, reply.hex())


def case_kernel(build: Path) -> None:
    """Beside a data plane on AF_XDP the node's kernel keeps what is its own: the gate passes it on (XDP_PASS). Vips' packets
    never reach it."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "tx", "off")  # whole checksums into XDP
        node.write_config({"b1": 100, "b2": 100}, rest="    health: {type: none}\nmetrics: {listen: off}\n")
        node.start_control()
        node.start()
        wait_for("gateway resolved", lambda: gateway(node))
        wait_for("table in force", lambda: node.status()["generation"] >= 1)
        assert "xdp" in node.in_node("ip", "link", "show", "fl0")
        with node.socket_in(node.node_ns) as there, node.socket_in(node.peer_ns) as here, node.peer_socket() as raw:
            there.bind(("10.77.0.1", 80))  # the vip's port, but not its address
            here.settimeout(10)
            here.sendto(b"question", ("10.77.0.1", 80))
            question, client = there.recvfrom(100)
            there.sendto(b"answer to " + question, client)
            assert here.recv(100) == b"answer to question"
            ask_echo(node, "10.77.0.1")
            send(node, raw, SYN)
            assert len(tunnelled(raw, len(CLIENTS))) == len(CLIENTS)
        assert node.stop() == 0
        books = node.books()
        assert books["rx"] == books["tx"] == len(CLIENTS) and books["dropped"] == 0, books


def case_kernel_vip(build: Path) -> None:
    """A vip that is also an address of the node, beside a data plane on AF_XDP: what the data plane does not do for it is the
    kernel's, whoever's turn it is: echo (`echo: kernel`), in fragments and with options too, ICMP's timestamps, and UDP to a port
    that no vip serves, in fragments too."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "tx", "off")
        node.in_node("ip", "link", "set", "lo", "up")
        node.in_node("ip", "addr", "add", VIP + "/32", "dev", "lo")
        node.in_peer("ip", "route", "add", VIP, "via", "10.77.0.1")
        node.write_config({"b1": 100}, rest="    echo: kernel\n    health: {type: none}\nmetrics: {listen: off}\n")
        node.start_control()
        node.start()
        wait_for("gateway resolved", lambda: gateway(node))
        wait_for("table in force", lambda: node.status()["generation"] >= 1)
        ask_kernel(node)
        assert node.stop() == 0
        ask_kernel(node)
        assert node.books()["dropped"] == 0, node.books()


def ask_kernel(node: LoneNode) -> None:
    ask_echo(node, VIP)
    ask_icmp(node, 8, b"a" * 56)
    ask_icmp(node, 8, b"a" * 3000)
    ask_icmp(node, 8, b"a" * 56, options=b"\1\1\1\1")
    ask_icmp(node, 13, bytes(12))
    with node.socket_in(node.node_ns) as there, node.socket_in(node.peer_ns) as here:
        there.bind((VIP, 9999))
        here.connect((VIP, 9999))
        for question in (b"x" * 100, b"x" * 3000):
            here.send(question)
            assert there.recv(9000) == question


def ask_icmp(node: LoneNode, kind: int, body: bytes, options: bytes = b"") -> None:
    """The vip answers an ICMP message of this kind: an echo request or one of timestamps."""
    with node.socket_in(node.peer_ns, socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp:
        if options:
            icmp.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
        request = struct.pack(">BBHHH", kind, 0, 0, 4712, len(body)) + body
        icmp.sendto(request[:2] + struct.pack(">H", checksum(request)) + request[4:], (VIP, 0))
        while True:  # the peer's own requests are not seen here, answers to earlier ones may be
            reply, (who, _) = icmp.recvfrom(9000)
            head = (reply[0] & 15) * 4
            if who == VIP and reply[head] in (0, 14) and reply[head + 4:head + 8] == request[4:8]:
                return


def inner_packet(raw: socket.socket) -> bytes | None:
    """What is in the next tunnel to a backend; None if nothing comes."""
    while True:
        try:
            frame = raw.recv(2048)
        except TimeoutError:
            return None
        if frame[12:14] == b"\x08\0" and frame[23] == 4:
            return frame[34:]


def case_flows(build: Path) -> None:
    """With control beside it: flows are listed and flushed while both run, and the next packets are decided anew."""
    with LoneNode(build, AF_PACKET) as node:
        node.make_veth()
        node.write_config({"b1": 100, "b2": 100}, rest="    health: {type: none}\nmetrics: {listen: off}\n")
        node.start_control()
        node.start()
        wait_for("gateway resolved", lambda: gateway(node))
        wait_for("table in force", lambda: node.status()["generation"] >= 1)
        def listed(*words: str) -> list[dict]:
            return json.loads(node.cli("--json", "show", "flow", "list", "limit", "1000", *words))["flows"]
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before
            flows = listed("state", "confirmed", "vip", "web")
            assert len(flows) == len(CLIENTS), len(flows)
            of_b1 = list(before.values()).count("10.88.0.1")
            assert [f["backend"] for f in flows].count("b1") == of_b1 > 0, (of_b1, flows[:2])
            look_at_tables(node)
            node.cli("flush", "flow", "backend", "b1", "rate", "1000000/s")
            wait_for("b1's flows forgotten", lambda: not listed("backend", "b1"))
            assert len(listed("backend", "b2")) == len(CLIENTS) - of_b1, "others' flows are gone too"
            node.cli("flush", "flow", "vip", "web", "rate", "1000000/s")
            wait_for("the vip's flows forgotten", lambda: not listed())
            send(node, raw, SYN)
            assert len(tunnelled(raw, len(CLIENTS))) == len(CLIENTS)
            run = node.folder / "run"
            refused = node.cli_refused("flush", "flow", "backend", "b1", "file", str(run))
            assert f"pid {node.process.pid}" in refused, refused
            assert node.stop() == 0
            left = json.loads(node.cli("--json", "show", "flow", "list", "limit", "1000", "file", str(run / "flows.0")))
            assert [f["state"] for f in left["flows"]] == ["new"] * len(CLIENTS), left["flows"][:3]
            wait_for("control says who can", lambda: f"file {run}" in node.cli_refused("flush", "flow", "backend", "b1"))
            flush_at_rest(node, run, [f["backend"] for f in left["flows"]].count("b1"))
            node.start()  # it finds what is left, with books that agree
            wait_for("gateway resolved", lambda: gateway(node))
            wait_for("table in force", lambda: node.status()["generation"] >= 1)
            send(node, raw, ACK)
            assert len(tunnelled(raw, len(CLIENTS))) == len(CLIENTS)
            assert len(listed("state", "confirmed")) == len(listed("backend", "b2", "state", "confirmed")) > 0
        assert node.stop() == 0


def flush_at_rest(node: LoneNode, run: Path, of_b1: int) -> None:
    """The tables that a data plane left: b1's flows go at a rate, the others stay; `show flow` and `show stats` agree about it."""
    begun = time.monotonic()
    done = json.loads(node.cli("--json", "flush", "flow", "backend", "b1", "rate", "200/s", "file", str(run)))
    assert done["flushed"] == of_b1 > 0 and done["complete"], done
    assert time.monotonic() - begun > of_b1 / 200 * 0.9, "faster than its rate"
    rest = json.loads(node.cli("--json", "show", "flow", "file", str(run)))
    assert {b["backend"]: b["flows"] for b in rest["backends"]} == {"b1": 0, "b2": len(CLIENTS) - of_b1}, rest
    stats = json.loads(node.cli("--json", "show", "stats"))
    assert stats["total"]["flows"] == len(CLIENTS) - of_b1, stats["total"]
    assert "0 flows forgotten" in node.cli("flush", "flow", "vip", "web", "backend", "b1", "file", str(run / "flows.0"))


def look_at_tables(node: LoneNode) -> None:
    """Count, lookup, histograms and the counters of vip and worker agree about the clients' confirmed flows."""
    def asked(*words: str) -> dict:
        return json.loads(node.cli("--json", "show", *words))
    counted = asked("flow", "vip", "web")
    assert sum(b["flows"] for b in counted["backends"]) == len(CLIENTS), counted
    address, port = CLIENTS[0]
    found = asked("flow", "tuple", "tcp", f"{address}:{port}", f"{VIP}:80")
    assert found["found"] and found["state"] == "confirmed", found
    stats = asked("flow", "stats")
    buckets = {f["entries"]: f["buckets"] for f in stats["fill"]}
    assert sum(n * many for n, many in buckets.items()) == len(CLIENTS), stats["fill"]
    assert sum(buckets.values()) == sum(w["buckets"] for w in stats["workers"]), stats
    assert stats["ages"], stats
    (of_vip,) = asked("stats", "vip", "web")["vips"]
    assert of_vip["inserts"] == len(CLIENTS) and of_vip["hits"] >= len(CLIENTS), of_vip
    assert of_vip["inserts_refused"] == 0 and not any(v for k, v in of_vip.items() if k.startswith("evicted_")), of_vip
