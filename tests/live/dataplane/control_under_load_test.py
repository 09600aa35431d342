#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real control daemon beside a real data plane under traffic: killed at random moments, reloaded again and again.

usage: control_under_load_test.py BUILD kills|reloads [TIMES] [SEED]; exit status 0 passed, 1 failed, 77 skipped.

kills    SIGKILL while it starts, publishes or commits. No packet is lost, no flow moves, and what it says and publishes
         afterwards is the configuration before or the one being applied, never a mixture.
reloads  Backends come and go, all weights change. No packet is lost, no flow of a backend that stays moves, and the
         daemon's memory is at the end what it was after the first fifth.
"""
from __future__ import annotations

import json
import random
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path

from lone_node import ACK, AF_PACKET, CLIENTS, SYN, LoneNode, checksum, gateway, need_root, send, tunnelled, wait_for

EXTRA = "    health: {type: none}\nmetrics: {listen: off}\nmonitoring: {listen: off}\npolicy: {name: static}\n"
EVEN = {f"b{n}": 100 for n in range(1, 9)}
HELD_BYTES = 128  # of a member number
EVENTS, EVENT_BYTES = 4096, 512  # the ring of events, full after some hundred reloads; of one with its texts
OUR_MAC = b"\x02\0\0\0\0\x02"
ODD = {f"b{n}": 50 if n % 2 else 150 for n in range(1, 9)}


class Traffic:
    """Packets of established connections, each with a number of its own, and who got them."""

    def __init__(self, node: LoneNode, owners: dict[tuple[str, int], str]) -> None:
        self.node, self.owners = node, owners
        self.books_before, self.kernel_before = node.books(), kernel_drops(node)
        self.sent = 0
        self.others: dict[str, int] = {}  # what else the peer's kernel sends to the node, by EtherType
        self.received: set[int] = set()
        self.moved: list[str] = []
        self.longest_gap = 0.0
        self.stopping = threading.Event()
        self.listening = node.peer_socket()  # before the first packet is sent
        self.threads = [threading.Thread(target=self.send_all), threading.Thread(target=self.receive_all)]

    def __enter__(self) -> "Traffic":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def frame(self, client: tuple[str, int], number: int) -> bytes:
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(client[0]),
                         socket.inet_aton("203.0.113.10"))
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        tcp = struct.pack(">HHIIBBHHH", client[1], 80, number, 1, 0x50, ACK, 8192, 0, 0)
        return self.node.node_mac_bytes + OUR_MAC + b"\x08\0" + ip + tcp

    def send_all(self) -> None:
        with self.node.peer_socket() as raw:
            while not self.stopping.is_set():
                raw.send(self.frame(CLIENTS[self.sent % len(CLIENTS)], self.sent))
                self.sent += 1
                time.sleep(0.002)  # the load, not a wait

    def receive_all(self) -> None:
        last = time.monotonic()
        quiet_since = None
        with self.listening as raw:
            while True:
                try:
                    frame, where = raw.recvfrom(2048)
                except TimeoutError:
                    frame, where = b"", None
                if where and where[2] == socket.PACKET_OUTGOING and frame[6:12] != OUR_MAC:
                    kind = frame[12:14].hex()
                    self.others[kind] = self.others.get(kind, 0) + 1
                if len(frame) >= 74 and frame[12:14] == b"\x08\0" and frame[23] == 4:
                    self.take(frame)
                    self.longest_gap = max(self.longest_gap, time.monotonic() - last)
                    last = time.monotonic()
                if self.stopping.is_set():
                    quiet_since = quiet_since or time.monotonic()
                    if len(self.received) >= self.sent or time.monotonic() - quiet_since > 5:
                        return

    def take(self, frame: bytes) -> None:
        client = (socket.inet_ntoa(frame[46:50]), struct.unpack(">H", frame[54:56])[0])
        owner = socket.inet_ntoa(frame[30:34])
        self.received.add(struct.unpack(">I", frame[58:62])[0])
        if owner != self.owners.get(client):
            self.moved.append(f"{client[0]}:{client[1]} from {self.owners.get(client)} to {owner}")

    def check(self) -> None:
        assert not self.moved, f"{len(self.moved)} packets went elsewhere, the first {self.moved[0]}"
        lost = self.sent - len(self.received)
        books = {name: count - self.books_before.get(name, 0) for name, count in self.node.books().items()}
        kernel = {name: count - self.kernel_before[name] for name, count in kernel_drops(self.node).items()}
        print(f"{self.sent} packets, {lost} lost, 0 moved, longest pause {self.longest_gap * 1000:.0f} ms; {books}")
        where = (f"the peer sent {self.sent} and others {self.others}, the data plane's books {books}, {len(self.received)} came back; "
                 f"the kernel's drops {kernel}; the first missing {sorted(set(range(self.sent)) - self.received)[:5]}")
        assert lost == 0, f"{lost} of {self.sent} packets are lost: {where}"


def kernel_drops(node: LoneNode) -> dict[str, int]:
    """Packets that the kernel dropped on the way to the data plane and back: per CPU of the machine, per end of the veth."""
    rows = Path("/proc/net/softnet_stat").read_text().splitlines()
    drops = {"backlog": sum(int(row.split()[1], 16) for row in rows)}
    for end, ask_end, link in (("node", node.in_node, "fl0"), ("peer", node.in_peer, "fl1")):
        stats = json.loads(ask_end("ip", "-j", "-s", "link", "show", link))[0]["stats64"]
        drops |= {f"{end} {way}": stats[way]["dropped"] + stats[way]["errors"] for way in ("rx", "tx")}
    return drops


def ask(node: LoneNode, command: str, **arguments: object) -> dict:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(20)
        link.connect(str(node.folder / "run/control.sock"))
        link.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        reply = json.loads(link.makefile().readline())
    assert reply["ok"], reply
    return reply["result"]


def answers(node: LoneNode) -> bool:
    assert node.control.poll() is None, f"control ended with {node.control.returncode}"
    try:
        return ask(node, "show status")["generation"] > 0
    except (OSError, ValueError):
        return False


def begin(node: LoneNode) -> dict[tuple[str, int], str]:
    """Both daemons up, all clients connected; whose each client is."""
    node.make_veth()
    node.write_config(EVEN, rest=EXTRA)
    node.start_control()
    wait_for("control", lambda: answers(node))
    node.start()
    wait_for("gateway resolved", lambda: gateway(node))
    wait_for("table in force", lambda: node.status()["generation"] >= 1)
    node.node_mac_bytes = node.node_mac()
    with node.peer_socket() as raw:
        send(node, raw, SYN)
        owners = tunnelled(raw, len(CLIENTS))
        send(node, raw, ACK)
        assert tunnelled(raw, len(CLIENTS)) == owners
    return owners


def kind_of(weights: dict[str, int]) -> str:
    for name, wanted in (("even", EVEN), ("odd", ODD)):
        if weights == wanted:
            return name
    raise AssertionError(f"a mixture: {weights}")


def state_of(node: LoneNode) -> tuple[str, str]:
    configured = {row["id"]: row["configured_weight"] for row in ask(node, "show backend")["backends"]}
    published = {row["backend"]: row["weight"] for row in ask(node, "show table", vip="web")["shares"]}
    return kind_of(configured), kind_of(published)


def disturb(node: LoneNode, dice: random.Random, text: str) -> None:
    """Gives control something to do, and does not wait for it."""
    node.config.write_text(text)
    if dice.random() < 0.5:
        node.control.send_signal(signal.SIGHUP)
        return
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(node.folder / "run/control.sock"))
        for command, arguments in (("config load", {"text": text}), ("config commit", {})):
            link.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        time.sleep(dice.uniform(0, 0.05))  # the random moment
        node.control.kill()


def case_kills(node: LoneNode, times: int, dice: random.Random) -> None:
    owners = begin(node)
    kinds = {"even": EVEN, "odd": ODD}
    texts = {}
    for name, weights in kinds.items():
        node.write_config(weights, rest=EXTRA)
        texts[name] = node.config.read_text()
    node.config.write_text(texts["even"])
    now, seen, early = "even", {"before": 0, "after": 0}, 0
    with Traffic(node, owners) as traffic:
        for _ in range(times):
            next_kind = "odd" if now == "even" else "even"
            disturb(node, dice, texts[next_kind])
            time.sleep(dice.uniform(0, 0.05))  # the random moment
            node.control.kill()
            node.control.wait()
            if dice.random() < 0.3:  # and once more while it starts
                node.start_control_quickly()
                time.sleep(dice.uniform(0, 0.2))
                node.control.kill()
                node.control.wait()
                early += 1
            node.start_control_quickly()
            wait_for("control is back", lambda: answers(node))
            configured, published = state_of(node)
            wait_for("tables follow the configuration", lambda: len(set(state_of(node))) == 1)
            seen["before" if configured == now else "after"] += 1
            now = configured
    print(f"{times + early} kills ({early} while it started): {seen['before']} times the state before, {seen['after']} the next")
    traffic.check()


def case_reloads(node: LoneNode, times: int, dice: random.Random) -> None:
    owners = begin(node)
    memory, came, here, events = [], 0, 0, []
    with Traffic(node, owners) as traffic:
        for done in range(1, times + 1):
            weights = {name: dice.randint(20, 200) for name in EVEN}
            last = done % (times // 5) == 0
            more = 0 if last else dice.randint(0, 4)
            weights |= {f"x{n}": dice.randint(20, 200) for n in range(more)}
            came, here = came + (max(0, more - here) if memory else 0), more
            node.write_config(EVEN if last else weights, rest=EXTRA)
            node.control.send_signal(signal.SIGHUP)
            wait_for("reloaded", lambda: ask(node, "show status")["reloads"]["taken"] >= done)
            if last:
                memory.append(allocated(node))
                events.append(min(EVENTS, ask(node, "show events", limit=1)["next"]))
        assert ask(node, "show status")["reloads"]["refused"] == 0
    print(f"{times} reloads, allocated after each fifth:", *(f"{m / 1024:.0f}" for m in memory), "KiB")
    traffic.check()
    # The number of a member that left is held for a while, lest a flow finds another backend under it.
    held = came * HELD_BYTES + (events[-1] - events[0]) * EVENT_BYTES
    assert memory[-1] <= memory[0] * 1.02 + held, (memory, came, events)


def allocated(node: LoneNode) -> int:
    return int(ask(node, "show memory")["allocated_bytes"])


class Node(LoneNode):
    node_mac_bytes = b""

    def start_control_quickly(self) -> None:
        (self.folder / "run/control.sock").unlink(missing_ok=True)
        self.start_control()


def main() -> int:
    need_root()
    build, case = Path(sys.argv[1]), sys.argv[2]
    times = int(sys.argv[3]) if len(sys.argv) > 3 else {"kills": 200, "reloads": 1000}[case]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    # A ring of 4 s: a data plane that a busy machine lets wait is not what is tested.
    with Node(build, AF_PACKET + ",framecnt=4096") as node:
        (case_kills if case == "kills" else case_reloads)(node, times, random.Random(seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
