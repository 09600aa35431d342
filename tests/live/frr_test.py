#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""FRR as docs/routes.md configures it on a node, with the page's hook, against the page's router (BIRD): what the router has.

usage: frr_test.py; exit status 77 (skipped) where FRR or BIRD is missing or namespaces cannot be made.
"""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/routes.md"
FRR = Path("/usr/lib/frr")
VIPS = ("203.0.113.10/32", "2001:db8:113::10/128")
ADDRESSES = {"node": ("192.0.2.11/24", "2001:db8::11/64"), "router": ("192.0.2.1/24", "2001:db8::1/64")}
# FRR's daemons know one folder only: each sees one of its own there.
OWN_MOUNTS = "mkdir -p /run/frr && mount --make-rprivate / && mount --bind {folder} /run/frr && mount --bind {folder} /etc/frr && exec \"$@\""


def skip(why: str) -> None:
    print("SKIP:", why)
    sys.exit(77)


def block(first_line: str) -> str:
    """The page's block that begins so; of several the first."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return next(text for text in blocks if text.startswith(first_line))


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def eventually(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Pair:
    """A node with FRR and a router with BIRD, a cable between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {end: f"fl-frr-{os.getpid()}-{end}" for end in ADDRESSES}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def make_link(self) -> None:
        for name in self.names.values():
            ip("netns", "add", name)
        ip("-n", self.names["node"], "link", "add", "eth0", "type", "veth", "peer", "name", "eth1", "netns", self.names["router"])
        for end, device in (("node", "eth0"), ("router", "eth1")):
            for address in ADDRESSES[end]:
                ip("-n", self.names[end], "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
            ip("-n", self.names[end], "link", "set", device, "up")
            ip("-n", self.names[end], "link", "set", "lo", "up")

    def inside(self, end: str, *command: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.names[end]}", *command]

    def on_node(self, *command: str) -> list[str]:
        return self.inside("node", "unshare", "-m", "sh", "-c", OWN_MOUNTS.format(folder=self.folder / "frr"), "sh", *command)

    def start(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start_frr(self, daemon: str) -> None:
        sock = self.folder / "frr" / f"{daemon}.vty"
        sock.unlink(missing_ok=True)
        self.start(daemon, self.on_node(str(FRR / daemon), "-A", "127.0.0.1"))
        eventually(f"{daemon} answers", sock.exists)

    def start_router(self) -> None:
        config = self.folder / "bird.conf"
        config.write_text("router id 192.0.2.1;\nprotocol device {}\n" + block("protocol bfd { interface \"eth1\""), encoding="utf-8")
        socket = self.folder / "bird.ctl"
        self.start("bird", self.inside("router", "bird", "-f", "-c", str(config), "-s", str(socket), "-P", str(self.folder / "bird.pid")))
        eventually("bird answers", socket.exists)

    def vtysh(self, *words: str) -> str:
        done = subprocess.run(self.on_node("vtysh", *words), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"vtysh {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def call_hook(self, word: str) -> None:
        done = subprocess.run(self.on_node(str(self.folder / "hook"), word, "lb1", "a reason"), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"hook {word}: {done.stdout}{done.stderr}"

    def routes(self) -> set[str]:
        """Which vips the router would send to the node, by its kernel."""
        text = ""
        for family in ("-4", "-6"):
            text += subprocess.run(["ip", "-n", self.names["router"], family, "route", "show", "proto", "bird"], capture_output=True, text=True, check=True).stdout
        return {vip for vip in VIPS if re.search(rf"^{re.escape(vip.split('/', maxsplit=1)[0])}(/\d+)? via \S+ dev eth1", text, re.M)}

    def end(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def play(pair: Pair) -> None:
    pair.make_link()
    pair.start_router()
    for daemon in ("zebra", "bgpd", "bfdd"):
        pair.start_frr(daemon)
    pair.vtysh("-b")
    eventually("the session and its BFD are up", lambda: '"status":"up"' in pair.vtysh("-c", "show bfd peers json").replace(" ", "")
               and '"state":"Established"' in pair.vtysh("-c", "show bgp ipv4 unicast summary json").replace(" ", ""))
    assert pair.routes() == set(), "before it is announced"
    for _ in range(2):
        pair.call_hook("announce")
    eventually("both vips are routed", lambda: pair.routes() == set(VIPS))
    pair.processes["bgpd"].kill()
    pair.processes["bgpd"].wait()
    eventually("BFD takes the routes of a dead bgpd or its session ends", lambda: pair.routes() == set())
    pair.start_frr("bgpd")
    pair.vtysh("-b")
    pair.call_hook("announce")  # as fairlead-control does every 10 s
    eventually("a bgpd that was started anew has learnt it", lambda: pair.routes() == set(VIPS))
    for _ in range(2):
        pair.call_hook("withdraw")
    eventually("withdrawn", lambda: pair.routes() == set())
    assert '"state":"Established"' in pair.vtysh("-c", "show bgp ipv4 unicast summary json").replace(" ", ""), "the session stays"


def main() -> None:
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.geteuid() != 0:
        skip("namespaces need root")
    if not (FRR / "bgpd").exists() or shutil.which("bird") is None:
        skip("no FRR or no BIRD (Debian: frr, bird2)")
    with tempfile.TemporaryDirectory(prefix="fl_frr_") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "frr").mkdir()
        shutil.chown(folder / "frr", "frr", "frr")
        (folder / "frr/frr.conf").write_text(block("router bgp"), encoding="utf-8")
        hook = folder / "hook"
        hook.write_text(block("#!/bin/sh\n# routes.hook"), encoding="utf-8")
        hook.chmod(0o755)
        pair = Pair(folder)
        try:
            play(pair)
        except BaseException:
            for log in folder.glob("*.log"):
                print(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}")
            raise
        finally:
            pair.end()


main()
