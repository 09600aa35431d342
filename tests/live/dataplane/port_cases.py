# SPDX-License-Identifier: BSD-3-Clause
"""Cases of dataplane_test.py about ports and their interfaces, which change at run time."""
from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

from lone_node import (ACK, AF_PACKET, AF_XDP, CLIENTS, SYN, VIP, LoneNode, checksum, send, start, tunnelled,
                       wait_for)

IPIP = 20


def large_frame(to: bytes, length: int) -> bytes:
    """A TCP segment to the vip with this IP length, not to be cut."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, 6, 0, socket.inet_aton("198.51.100.1"),
                     socket.inet_aton(VIP))
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    tcp = struct.pack(">HHIIBBHHH", 2000, 80, 1, 1, 0x50, ACK, 8192, 0, 0)
    return to + b"\x02\0\0\0\0\x02\x08\0" + ip + tcp + b"x" * (length - 40)


def told(node: LoneNode, raw: socket.socket, length: int) -> int | None:
    """0: a packet of this length was forwarded; else the MTU that its sender was told; None: neither."""
    raw.send(large_frame(node.node_mac(), length))
    while True:
        try:
            frame = raw.recv(4096)
        except TimeoutError:
            return None
        if frame[12:14] != b"\x08\0" or frame[6:12] == b"\x02\0\0\0\0\x02":
            continue
        if frame[23] == 4 and len(frame) == 14 + IPIP + length:
            return 0
        quoted = struct.pack(">H", length)  # the answer to this packet, not to one before
        if frame[23] == 1 and frame[34:36] == b"\x03\x04" and frame[44:46] == quoted:
            return int(struct.unpack(">H", frame[40:42])[0])


def case_mtu(build: Path, device: str = AF_PACKET) -> None:
    """The interface's MTU becomes smaller and larger at run time: senders are told the one that is in force, and so is the operator."""
    with LoneNode(build, device) as node:
        start(node, {"b1": 100})
        node.in_peer("ip", "link", "set", "fl1", "mtu", "1600")  # what it may receive
        with node.peer_socket() as raw:
            for mtu in (1500, 1400, 1560):
                node.in_node("ip", "link", "set", "fl0", "mtu", str(mtu))
                wait_for(f"MTU {mtu} is told", lambda: told(node, raw, mtu - IPIP + 1) == mtu - IPIP)
                assert told(node, raw, mtu - IPIP) == 0, f"the largest packet for MTU {mtu} is not forwarded"
                assert node.ask("show port")["result"]["ports"][0]["mtu"] == mtu
        assert node.stop() == 0


def case_mac(build: Path) -> None:
    """The interface's MAC address changes at run time: frames leave with the new one."""
    with LoneNode(build, AF_PACKET) as node:
        start(node, {"b1": 100})
        mac = "02:00:00:00:77:02"
        node.in_node("ip", "link", "set", "fl0", "address", mac)
        with node.peer_socket() as raw:
            def leaves_with() -> str:
                send(node, raw, SYN, CLIENTS[:1])
                while True:
                    try:
                        frame = raw.recv(2048)
                    except TimeoutError:
                        return ""
                    if frame[12:14] == b"\x08\0" and frame[23] == 4:
                        return frame[6:12].hex(":")
            wait_for("frames leave with the new address", lambda: leaves_with() == mac)
        assert node.ask("show port")["result"]["ports"][0]["mac"] == mac
        assert node.stop() == 0


def case_ports_af_xdp(build: Path) -> None:
    """A port on AF_XDP goes and comes back, as often as one likes: its queues can be bound again at once, no descriptor stays, and the
    flows are where they were."""
    with LoneNode(build, AF_XDP, workers=1, most=2, queues=2) as node:
        start(node, {"b1": 100, "b2": 100})
        node.make_veth("fl2", "fl3", "10.78.0")
        assert node.ask("add port", device="net_af_packet1,iface=fl2", gateway="10.78.0.2")["ok"]

        def descriptors() -> list[str]:
            files = [entry.readlink().name for entry in Path(f"/proc/{node.process.pid}/fd").iterdir() if entry.is_symlink()]
            return sorted(re.sub(r"\d+", "N", file) for file in files)

        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            assert len(before) == len(CLIENTS)
            open_before = descriptors()
            for round in range(20):
                assert node.ask("del port", port=0)["ok"]
                added = node.ask("add port", device=AF_XDP, gateway="10.77.0.2")
                assert added["ok"] and added["result"]["port"] == 0, added
                if round % 10 > 1:
                    continue  # a look at packets now and then
                wait_for("gateways resolved", lambda: all(p["gateway_mac"] for p in node.ask("show port")["result"]["ports"]))
                send(node, raw, ACK)
                got = tunnelled(raw, len(CLIENTS))
                moved = [client for client in got if got[client] != before[client]]
                assert got == before, f"round {round}: {len(got)} of {len(before)} came back, moved {moved}, books {node.books()}"
            wait_for("the same descriptors are open", lambda: descriptors() == open_before)
        assert node.stop() == 0


def case_ports_refused(build: Path) -> None:
    """A port that cannot be started says why, and the next one can be added."""
    with LoneNode(build, AF_PACKET) as node:
        start(node, {"b1": 100})
        for _ in range(2):
            refused = node.ask("add port", device=f"net_memif1,socket={node.folder}/nobody,socket-abstract=no")
            assert "server runs" in refused["message"] and "root" not in refused["message"], refused
        node.make_veth("fl2", "fl3", "10.78.0")
        assert "port 1 added" in node.cli("add", "port", "net_af_packet1,iface=fl2", "gateway", "10.78.0.2")
        assert node.stop() == 0
