#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real fairlead-agent behind a tunnel: TCP connections through IPIP and GUE, kill -9 and restart.

usage: agent_test.py AGENT_BINARY; exit status 0 passed, 1 failed, 77 skipped (not root).

    client c0 ---- l0 node l1 ---- b0 backend (agent, TCP server on the vips)
                   |
                   tunnel(): takes packets for the vips, writes outer headers; replies are routed
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

VIP4, VIP6 = "203.0.113.10", "2001:db8:1::10"
NODE4, NODE6 = "10.7.2.1", "fd07:2::1"
BACKEND4, BACKEND6 = "10.7.2.2", "fd07:2::2"
# Outer sources that a node draws from (`tunnel.source`): the low bits are the flow's.
PREFIX4, PREFIX6 = "10.99.0.0/16", "fd07:99::/64"
SPACES = ("flt-client", "flt-node", "flt-backend")
DEADLINE_S = 20.0
ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True, text=True)


def enter(space: str) -> None:
    """Moves this thread into a network namespace."""
    with open(f"/run/netns/{space}", "rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"enter {space}")


def wait_for(what: str, condition) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_S} s in vain: {what}")
        time.sleep(0.02)


def build_network() -> None:
    for space in SPACES:
        run(f"ip netns add {space}")
        run(f"ip -n {space} link set lo up")
    client, node, backend = SPACES
    # The tunnel adds up to 60 bytes, so its link takes larger packets than the client sends.
    for near, near_space, far, far_space, subnet, mtu in (
        ("c0", client, "l0", node, 1, 1500), ("b0", backend, "l1", node, 2, 1600),
    ):
        run(f"ip link add {near} netns {near_space} mtu {mtu} type veth peer name {far} netns {far_space} mtu {mtu}")
        for device, space, host in ((near, near_space, 2), (far, far_space, 1)):
            run(f"ip -n {space} addr add 10.7.{subnet}.{host}/24 dev {device}")
            run(f"ip -n {space} addr add fd07:{subnet}::{host}/64 dev {device} nodad")
            run(f"ip -n {space} link set {device} up")
            # Checksums on the wire: the tunnel below copies bytes and completes none.
            run(f"ip netns exec {space} ethtool -K {device} tx off")
        run(f"ip -n {near_space} route add default via 10.7.{subnet}.1")
        run(f"ip -n {near_space} route add default via fd07:{subnet}::1")
    run(f"ip netns exec {node} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    for vip in (VIP4 + "/32", VIP6 + "/128"):
        run(f"ip -n {node} route add blackhole {vip}")  # only the tunnel carries them
    run(f"ip -n {backend} addr add {VIP4}/32 dev lo")
    run(f"ip -n {backend} addr add {VIP6}/128 dev lo nodad")


def mac_of(space: str, device: str) -> bytes:
    out = subprocess.run(["ip", "-j", "-n", space, "link", "show", device], check=True, capture_output=True)
    return bytes.fromhex(json.loads(out.stdout)[0]["address"].replace(":", ""))


def ip_header(family: int, protocol: int, length: int, source: str) -> bytes:
    if family == 6:
        return struct.pack("!IHBB", 0x60000000, length, protocol, 64) + socket.inet_pton(
            socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, BACKEND6)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(BACKEND4)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:]


class Tunnel(threading.Thread):
    """The node: encapsulates what arrives for a vip. `kind` and `outer` may change at any time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.kind, self.outer = "ipip", 4
        self.sources = lambda _inner: NODE4 if self.outer == 4 else NODE6
        self.packets = 0
        self.ready = threading.Event()

    def encapsulate(self, inner: bytes) -> tuple[int, bytes]:
        inner_protocol = 4 if inner[0] >> 4 == 4 else 41
        source = self.sources(inner)
        protocol = inner_protocol
        if self.kind == "gue":
            hops = socket.inet_aton("10.7.2.3") if self.outer == 4 else b""
            private = struct.pack("!HBB", 0, 0, len(hops) // 4) + hops if hops else b""
            body = struct.pack("!BBH", len(private) // 4, inner_protocol, 0) + private + inner
            inner = struct.pack("!HHHH", 0x8123, 19523, 8 + len(body), 0) + body
            protocol = 17
        outer = ip_header(self.outer, protocol, len(inner), source)
        return (0x0800 if self.outer == 4 else 0x86DD), outer + inner

    def run(self) -> None:
        enter(SPACES[1])
        near = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        near.bind(("l0", ETH_P_ALL))
        far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        far.bind(("l1", 0))
        head = mac_of(SPACES[2], "b0") + mac_of(SPACES[1], "l1")
        vips = (socket.inet_aton(VIP4), socket.inet_pton(socket.AF_INET6, VIP6))
        self.ready.set()
        while True:
            frame, address = near.recvfrom(65536)
            kind, inner = frame[12:14], frame[14:]
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if kind == b"\x08\x00" and inner[16:20] == vips[0] or kind == b"\x86\xdd" and inner[24:40] == vips[1]:
                ethertype, packet = self.encapsulate(inner)
                far.send(head + struct.pack("!H", ethertype) + packet)
                self.packets += 1


def serve() -> None:
    """A TCP server on both vips that answers each connection with what it read, in capitals."""
    ready = threading.Event()

    def loop() -> None:
        enter(SPACES[2])
        listener = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
        ready.set()
        while True:
            connection = listener.accept()[0]
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data.upper())

    threading.Thread(target=loop, daemon=True).start()
    assert ready.wait(DEADLINE_S)


class Client:
    """Connections from the client's namespace."""

    def __init__(self) -> None:
        enter(SPACES[0])

    def connect(self, vip: str, timeout: float = 5.0) -> socket.socket:
        return socket.create_connection((vip, 80), timeout=timeout)

    @staticmethod
    def echo(connection: socket.socket, size: int) -> None:
        connection.sendall(b"x" * size)
        got = 0
        while got < size:
            data = connection.recv(65536)
            assert data and data == b"X" * len(data), "wrong answer"
            got += len(data)


class Agent:
    def __init__(self, binary: str, directory: Path) -> None:
        self.binary, self.directory = binary, directory
        self.config = directory / "agent.yaml"
        self.config.write_text(f"""
backend: b1
interface: b0
runtime_dir: {directory}/run
vips:
  - {{address: {VIP4}, port: 80}}
  - {{address: "{VIP6}", port: 80}}
nodes: [{NODE4}, "{NODE6}", {PREFIX4}, "{PREFIX6}"]
leave: {{deadline: 300ms}}
""")
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{SPACES[2]}", self.binary, "--config", str(self.config)])
        wait_for("agent answers", lambda: self.ask("show status") is not None)

    def ask(self, command: str):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                s.connect(f"{self.directory}/run/agent.sock")
                s.sendall(json.dumps({"command": command}).encode() + b"\n")
                return json.loads(s.makefile().readline())["result"]
        except (OSError, ValueError):
            return None

    def end(self, number: int) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


def attached() -> bool:
    out = subprocess.run(["ip", "-n", SPACES[2], "link", "show", "b0"], check=True, capture_output=True, text=True)
    return "xdp" in out.stdout


def check_drawn_sources(agent: Agent, tunnel: Tunnel, client: Client) -> None:
    """A node that draws outer sources from a prefix: every flow has another, and all are accepted."""
    own, drawn = tunnel.sources, set()

    def draw(inner: bytes) -> str:
        ports = inner[20:24] if inner[0] >> 4 == 4 else inner[40:44]
        low = zlib.crc32(ports) & 0xFFFF
        source = f"10.99.{low >> 8}.{low & 255}" if tunnel.outer == 4 else f"fd07:99::{low:x}"
        drawn.add(source)
        return source

    tunnel.sources = draw
    foreign = agent.ask("show counters")["foreign_source"]
    for kind, outer in (("ipip", 4), ("ipip", 6), ("gue", 4), ("gue", 6)):
        tunnel.kind, tunnel.outer = kind, outer
        for vip in (VIP4, VIP6):
            for _ in range(4):
                with client.connect(vip) as connection:
                    client.echo(connection, 20_000)
    assert len(drawn) >= 30, f"{len(drawn)} outer sources for 32 flows"
    assert agent.ask("show counters")["foreign_source"] == foreign
    print(f"agent: {len(drawn)} outer sources of {PREFIX4} and {PREFIX6} accepted")
    tunnel.sources = own


def check(agent: Agent, tunnel: Tunnel, client: Client) -> None:
    agent.start()
    status = agent.ask("show status")
    assert status["mode"] == "native" and status["origin"] == "attached", status

    for kind in ("ipip", "gue"):
        for outer in (4, 6):
            for vip in (VIP4, VIP6):
                tunnel.kind, tunnel.outer = kind, outer
                before = agent.ask("show counters")[kind]
                with client.connect(vip) as connection:
                    client.echo(connection, 100_000)
                after = agent.ask("show counters")[kind]
                assert after > before, f"{kind} over IPv{outer}: not counted"
                print(f"agent: {kind} over IPv{outer} to {vip}: {after - before} packets decapsulated")

    check_drawn_sources(agent, tunnel, client)
    own = tunnel.sources
    for outer, forged in ((4, "10.7.2.77"), (4, "10.98.255.255"), (4, "10.100.0.0"), (6, "fd07:99:0:1::1")):
        tunnel.outer, tunnel.sources = outer, lambda _inner, source=forged: source
        before = agent.ask("show counters")["foreign_source"]
        try:
            client.connect(VIP4, timeout=0.5)
            raise AssertionError(f"foreign source {forged} reached the vip")
        except TimeoutError:
            pass
        wait_for(f"{forged} counted", lambda: agent.ask("show counters")["foreign_source"] > before)
    tunnel.sources = own

    connection = client.connect(VIP4)
    wait_for("open connection reported", lambda: agent.ask("show status")["load"]["active_connections"] == 1)
    agent.end(signal.SIGKILL)
    assert attached(), "the program must survive its agent"
    client.echo(connection, 100_000)
    agent.start()
    status = agent.ask("show status")
    counted = agent.ask("show counters")
    assert status["origin"] == "reused" and counted["gue"] > 0, (status, counted)
    wait_for("counters in a report", lambda: agent.ask("show status")["load"]["tunnel"].get("gue", 0) >= counted["gue"])
    client.echo(connection, 1000)
    connection.close()
    assert agent.ask("show memory")["allocator"] == "jemalloc"

    assert agent.end(signal.SIGTERM) == 0
    assert not attached(), "SIGTERM must detach"
    assert not (agent.directory / "run/bpf").exists() and not (agent.directory / "run/agent.sock").exists()


def clean_up(agent: Agent | None, directory: Path) -> None:
    if agent and agent.process and agent.process.poll() is None:
        agent.process.kill()
        agent.process.wait()
    subprocess.run(["umount", str(directory / "run/bpf")], capture_output=True, check=False)
    for space in SPACES:
        subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
    shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    if os.geteuid() != 0 or not shutil.which("ethtool"):
        print("agent_test: skipped, needs root and ethtool")
        return 77
    directory = Path(tempfile.mkdtemp(prefix="fairlead-agent-"))
    agent = None
    try:
        build_network()
        agent = Agent(sys.argv[1], directory)
        tunnel = Tunnel()
        tunnel.start()
        assert tunnel.ready.wait(DEADLINE_S)
        serve()
        check(agent, tunnel, Client())
    except AssertionError as error:
        print(f"agent_test: FAILED: {error}")
        return 1
    finally:
        clean_up(agent, directory)
    print("agent_test: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
