# SPDX-License-Identifier: BSD-3-Clause
"""A data plane alone in a network namespace, with a peer that sends and receives raw frames.

    namespace of the node             namespace of the peer
    fairlead-dataplane -- fl0 ======= fl1 -- raw socket
        10.77.0.1/24                      10.77.0.2/24, the gateway
"""
from __future__ import annotations

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
import time
from pathlib import Path
from typing import Callable

SKIP = 77
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000
VIP = "203.0.113.10"


def need_root() -> None:
    if os.geteuid() != 0:
        print("SKIP: needs root for network namespaces")
        sys.exit(SKIP)
    probe = subprocess.run(["ip", "netns", "add", f"flprobe{os.getpid()}"], capture_output=True)
    if probe.returncode != 0:
        print("SKIP: cannot make network namespaces:", probe.stderr.decode().strip())
        sys.exit(SKIP)
    subprocess.run(["ip", "netns", "del", f"flprobe{os.getpid()}"], check=True)


def wait_for(what: str, condition: Callable[[], object], seconds: float = 20) -> object:
    """Polls until the condition is true; a bound, not a delay."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for: {what}")


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_frame(to: bytes, source: str, port: int, flags: int) -> bytes:
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(source), socket.inet_aton(VIP)
    )
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    tcp = struct.pack(">HHIIBBHHH", port, 80, 1, 1, 0x50, flags, 8192, 0, 0)
    return to + b"\x02\0\0\0\0\x02" + b"\x08\0" + ip + tcp


class LoneNode:
    """Namespaces, configuration and processes of one test; a context manager that cleans up."""

    def __init__(self, build: Path, device: str, workers: int = 1, most: int = 0,
                 queues: int = 1) -> None:
        self.build = build
        self.device = device
        self.workers = workers
        self.most = most or workers
        self.queues = queues  # of the veth
        self.node_ns = f"fln{os.getpid()}"
        self.peer_ns = f"flp{os.getpid()}"
        self.folder = Path(tempfile.mkdtemp(prefix="fl_live_"))
        self.config = self.folder / "node.yaml"
        self.process: subprocess.Popen[bytes] | None = None
        self.control: subprocess.Popen[bytes] | None = None
        self.log = self.folder / "log"

    def __enter__(self) -> "LoneNode":
        self.run("ip", "netns", "add", self.node_ns)
        self.run("ip", "netns", "add", self.peer_ns)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        for process in (self.process, self.control):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if kind is not None and self.log.exists():
            sys.stdout.write(self.log.read_text())
        for ns in (self.node_ns, self.peer_ns):
            subprocess.run(["ip", "netns", "del", ns], check=False)
        subprocess.run(["umount", str(self.folder / "run/bpf")], check=False, capture_output=True)
        shutil.rmtree(self.folder)
        shutil.rmtree(f"/var/run/dpdk/fl_{self.node_ns}", ignore_errors=True)

    @staticmethod
    def run(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def in_node(self, *command: str) -> str:
        return self.run("nsenter", f"--net=/run/netns/{self.node_ns}", *command)

    def quietly(self, *command: str) -> None:
        """In the node's namespace; success does not matter."""
        subprocess.run(["nsenter", f"--net=/run/netns/{self.node_ns}", *command],
                       check=False, capture_output=True)

    def in_peer(self, *command: str) -> str:
        return self.run("nsenter", f"--net=/run/netns/{self.peer_ns}", *command)

    def make_veth(self, near: str = "fl0", far: str = "fl1", network: str = "10.77.0") -> None:
        queues = ("numrxqueues", str(self.queues), "numtxqueues", str(self.queues))
        self.run("ip", "link", "add", near, *queues, "netns", self.node_ns, "type", "veth",
                 "peer", "name", far, *queues, "netns", self.peer_ns)
        self.in_node("ip", "addr", "add", network + ".1/24", "dev", near)
        self.in_peer("ip", "addr", "add", network + ".2/24", "dev", far)
        for ns, link in ((self.node_ns, near), (self.peer_ns, far)):
            self.run("nsenter", f"--net=/run/netns/{ns}", "ip", "link", "set", link, "up")

    def write_config(self, weights: dict[str, int], extra_port: str = "gateway: 10.77.0.2", rest: str = "") -> None:
        """`rest`: what follows the vip `web`: more vips, more sections."""
        backends = "\n".join(
            f"      - {{id: {name}, address: 10.88.0.{i + 1}, weight: {weight}}}"
            for i, (name, weight) in enumerate(weights.items())
        )
        self.config.write_text(
            f"""node: {{id: {self.node_ns}, address: 10.77.0.1, runtime_dir: {self.folder}/run}}
ports:
  - {{device: "{self.device}", {extra_port}}}
workers: {{count: {self.workers}, max: {self.most}, cores: [{", ".join(["0"] * self.workers)}]}}
memory: {{flows_per_worker: 100000}}
vips:
  - name: web
    address: {VIP}
    protocol: tcp
    port: 80
    encapsulation: ipip
    choices: 1
    backends:
{backends}
{rest}"""
        )

    def start_control(self, *options: str) -> None:
        """The node's control daemon, in place of publish()."""
        with self.log.open("ab") as log:
            self.control = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.node_ns}",
                 str(self.build / "fairlead-control"), "--config", str(self.config), *options],
                stderr=log)
        wait_for("control answers", lambda: (self.folder / "run/control.sock").exists() or self.control.poll() is not None)
        assert self.control.poll() is None, f"control ended with {self.control.returncode}"

    def publish(self) -> int:
        (self.folder / "run").mkdir(exist_ok=True)
        tool = self.build / "tests/live/dataplane/publish_table"
        return int(self.in_node(str(tool), str(self.config)))

    def start(self, *options: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.node_ns}",
                 str(self.build / "fairlead-dataplane"), "--config", str(self.config), *options],
                stderr=log)
        before = self.log.read_text().count(" ready node=") if self.log.exists() else 0
        wait_for("ready", lambda: self.ready(before))

    def ready(self, before: int) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"data plane ended with {self.process.returncode}")
        return self.log.read_text().count(" ready node=") > before

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(timeout=10)

    def ask(self, command: str, **arguments: object) -> dict:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.folder / "run/dataplane.sock"))
            s.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            answer = json.loads(s.makefile().readline())
        return answer

    def status(self) -> dict:
        return self.ask("show status")["result"]

    def books(self) -> dict[str, int]:
        """The law's terms from worker 0's page."""
        tool = self.build / "tests/live/dataplane/print_books"
        return dict(json.loads(self.run(str(tool), str(self.folder / "run"))))

    def cli(self, *words: str) -> str:
        """What `fairlead` says; without control only the data plane's commands have somebody to answer."""
        return self.run(str(self.build / "fairlead"), "--runtime-dir", str(self.folder / "run"), *words)

    def cli_refused(self, *words: str) -> str:
        """What it says to a command that it refuses; "" if it does not."""
        done = subprocess.run([str(self.build / "fairlead"), "--runtime-dir", str(self.folder / "run"), *words],
                              capture_output=True, text=True, timeout=30, check=False)
        return done.stderr if done.returncode != 0 else ""

    @staticmethod
    def socket_in(namespace: str, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> socket.socket:
        """An IPv4 socket in another namespace, of UDP where nothing else is said."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            made = socket.socket(socket.AF_INET, kind, protocol)
            libc.setns(home.fileno(), CLONE_NEWNET)
        made.settimeout(5)
        return made

    def peer_socket(self, link: str = "fl1") -> socket.socket:
        """A raw socket on the peer's end of a veth, in its namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.peer_ns}") as peer:
            if libc.setns(peer.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            raw.bind((link, 0))
            libc.setns(home.fileno(), CLONE_NEWNET)
        raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)  # what a late test loses is not the node's
        raw.settimeout(0.05)
        return raw

    def node_mac(self, link: str = "fl0") -> bytes:
        return bytes.fromhex(mac_of(self.in_node("ip", "-j", "link", "show", link)).replace(":", ""))

    def peer_mac(self) -> str:
        return mac_of(self.in_peer("ip", "-j", "link", "show", "fl1"))


def mac_of(link: str) -> str:
    return str(json.loads(link)[0]["address"])


def tunnelled(raw: socket.socket, expected: int, seconds: float = 5) -> dict[tuple[str, int], str]:
    """Client address and port of each IPIP packet that comes back -> outer destination."""
    seen: dict[tuple[str, int], str] = {}
    end = time.monotonic() + seconds
    while len(seen) < expected and time.monotonic() < end:
        try:
            frame = raw.recv(2048)
        except TimeoutError:
            continue
        if len(frame) < 74 or frame[12:14] != b"\x08\0" or frame[23] != 4:
            continue
        assert checksum(frame[14:34]) == 0, f"outer checksum: {frame.hex()}"
        client = socket.inet_ntoa(frame[46:50])
        port = struct.unpack(">H", frame[54:56])[0]
        seen[(client, port)] = socket.inet_ntoa(frame[30:34])
    return seen


SYN, ACK = 0x02, 0x10
CLIENTS = [(f"198.51.100.{i + 1}", 2000 + i) for i in range(100)]


def send(node: LoneNode, raw, flags: int, clients=CLIENTS, link: str = "fl0") -> None:
    mac = node.node_mac(link)
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
