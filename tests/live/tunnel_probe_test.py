#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Probes through the tunnel: a real fairlead-control, and a backend whose decapsulation comes and goes.

usage: tunnel_probe_test.py CONTROL AGENT; exit status 0 passed, 1 failed, 77 skipped.

    node n0 ---- b0 backend: TCP server on all addresses, the vips on lo, fairlead-agent or not

Vips d4, d6 are probed directly, the others through IPIP and GUE, IPv4 and IPv6 inside and outside.
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

NODE, BACKEND = "flp-node", "flp-backend"
NODE4, NODE6, BACKEND4, BACKEND6 = "10.8.1.1", "fd08:1::1", "10.8.1.2", "fd08:1::2"
# name: (vip, encapsulation, backend's address, via)
VIPS = {
    "d4": ("203.0.113.1", "ipip", BACKEND4, "direct"),
    "d6": ("2001:db8:1::1", "gue", BACKEND6, "direct"),
    **{f"{kind}{inner}in{outer}": (
        f"203.0.113.{10 + n}" if inner == 4 else f"2001:db8:1::{10 + n}", kind,
        BACKEND4 if outer == 4 else BACKEND6, "tunnel")
       for n, (kind, inner, outer) in enumerate(
           (k, i, o) for k in ("ipip", "gue") for i in (4, 6) for o in (4, 6))},
}
TUNNELLED = {name for name, vip in VIPS.items() if vip[3] == "tunnel"}
DEADLINE_S = 30.0
CLONE_NEWNET = 0x40000000


def run(command: str) -> str:
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def wait_for(what: str, condition, note=lambda: "") -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_S:.0f} s in vain: {what} {note()}")
        time.sleep(0.02)


def build_network() -> None:
    for space in (NODE, BACKEND):
        run(f"ip netns add {space}")
        run(f"ip -n {space} link set lo up")
    run(f"ip link add n0 netns {NODE} type veth peer name b0 netns {BACKEND}")
    for device, space, own, far in (("n0", NODE, 1, 2), ("b0", BACKEND, 2, 1)):
        run(f"ip -n {space} addr add 10.8.1.{own}/24 dev {device}")
        run(f"ip -n {space} addr add fd08:1::{own}/64 dev {device} nodad")
        run(f"ip -n {space} link set {device} up")
        run(f"ip -n {space} route add default via 10.8.1.{far}")
        run(f"ip -n {space} route add default via fd08:1::{far}")
    for address, *_ in VIPS.values():
        run(f"ip -n {BACKEND} addr add {address}/{128 if ':' in address else 32} dev lo" + " nodad" * (":" in address))


def serve() -> None:
    """Takes connections on port 80 of every address of the backend."""
    ready = threading.Event()

    def loop() -> None:
        with open(f"/run/netns/{BACKEND}", "rb") as handle:
            assert ctypes.CDLL(None).setns(handle.fileno(), CLONE_NEWNET) == 0
        listener = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
        ready.set()
        while True:
            listener.accept()[0].close()

    threading.Thread(target=loop, daemon=True).start()
    assert ready.wait(DEADLINE_S)


class Daemon:
    """A program in a namespace with a control socket and a log."""

    def __init__(self, space: str, binary: str, config: Path, sock: Path) -> None:
        self.command = ["nsenter", f"--net=/run/netns/{space}", binary, "--config", str(config)]
        self.sock, self.log = sock, config.with_suffix(".log")
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_for(f"{self.sock} answers", lambda: self.ask("show status") is not None, self.log.read_text)

    def ask(self, command: str):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                s.connect(str(self.sock))
                s.sendall(json.dumps({"command": command}).encode() + b"\n")
                return json.loads(s.makefile().readline())["result"]
        except (OSError, ValueError, KeyError):
            return None

    def end(self, number: int) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def daemons(directory: Path, control: str, agent: str) -> tuple[Daemon, Daemon]:
    pools = "".join(f"""
  - {{name: {name}, address: "{vip}", protocol: tcp, port: 80, encapsulation: {kind}, health: {{via: {via}}},
     backends: [{{id: {"b4" if backend == BACKEND4 else "b6"}, address: "{backend}"}}]}}"""
                    for name, (vip, kind, backend, via) in VIPS.items())
    (directory / "c.yaml").write_text(f"""
node: {{id: lb1, address: {NODE4}, address6: "{NODE6}", runtime_dir: {directory}/run}}
health: {{interval: 200ms, timeout: 150ms}}
monitoring: {{listen: off}}
metrics: {{listen: off}}
policy: {{name: static}}
vips:{pools}
""")
    (directory / "a.yaml").write_text(f"""
backend: b4
interface: b0
runtime_dir: {directory}/agent
vips: [{", ".join(f'{{address: "{vip}", port: 80}}' for vip, *_ in VIPS.values())}]
nodes: [{NODE4}, "{NODE6}"]
leave: {{deadline: 300ms}}
""")
    return (Daemon(NODE, control, directory / "c.yaml", directory / "run/control.sock"),
            Daemon(BACKEND, agent, directory / "a.yaml", directory / "agent/agent.sock"))


def checks(control: Daemon) -> dict:
    health = control.ask("show health") or {"checks": []}
    return {row["vip"]: row for row in health["checks"]}


def wait_for_states(control: Daemon, what: str, down: set[str]) -> None:
    def as_wanted() -> bool:
        rows = checks(control)
        return len(rows) == len(VIPS) and all(
            row["state"] == ("down" if vip in down else "up") for vip, row in rows.items())

    def note() -> str:
        return str({v: (r["state"], r["via"], r["last_result"]) for v, r in checks(control).items()}) \
            + control.log.read_text()[-2000:]

    wait_for(what, as_wanted, note)
    print(f"tunnel_probe: {what}")


def left_over() -> list[str]:
    """Rules with our protocol, and devices, in the node's namespace."""
    rules = run(f"ip -n {NODE} rule show") + run(f"ip -n {NODE} -6 rule show")
    links = run(f"ip -n {NODE} -o link show")
    return [line for line in rules.splitlines() if "fwmark" in line] + [
        line for line in links.splitlines() if "flprobe" in line]


def check(control: Daemon, agent: Daemon) -> None:
    control.start()
    wait_for_states(control, "no agent: direct probes say up, those through the tunnel down", TUNNELLED)
    for vip, row in checks(control).items():
        assert row["via"] == VIPS[vip][3], row
        assert vip not in TUNNELLED or row["last_result"] == "timeout", row

    agent.start()
    wait_for_states(control, "agent: all are up", set())
    agent.end(signal.SIGTERM)
    wait_for_states(control, "agent gone: down again", TUNNELLED)
    agent.start()
    wait_for_states(control, "agent back: up", set())

    control.end(signal.SIGKILL)
    assert len(left_over()) == 2, "SIGKILL leaves a rule for each family and no device"
    control.start()
    wait_for("rules are made again without duplicates", lambda: len(left_over()) == 3, lambda: str(left_over()))
    wait_for_states(control, "after SIGKILL and a new start: up", set())
    # Believed from before, at first; then probed through rules of its own.
    wait_for("all are probed again", lambda: all(row["last_result"].startswith("ok") for row in checks(control).values()),
             lambda: str(checks(control)))

    run(f"ip -n {NODE} -4 rule del priority 100")
    # Control makes all again when it hears of the first: in that moment there may be no second.
    subprocess.run(f"ip -n {NODE} -6 rule del priority 100".split(), check=False, capture_output=True)
    wait_for("a removed rule is put back", lambda: len(left_over()) == 3 and "made again" in control.log.read_text())
    wait_for_states(control, "rules removed by another hand: nobody is judged by that, all stay up", set())
    assert all(row["flaps"] == 0 for row in checks(control).values())

    # An address of the vip's on the node itself: the kernel would not take in its answers.
    run(f"ip -n {NODE} addr add {VIPS['ipip4in4'][0]}/32 dev lo")
    control.end(signal.SIGTERM)
    assert left_over() == [], f"left after SIGTERM: {left_over()}"
    control.start()
    wait_for("a vip on the node goes directly", lambda: checks(control).get("ipip4in4", {}).get("via") == "direct")
    assert "is an address of this host itself" in control.log.read_text()
    wait_for_states(control, "the others still through the tunnel", set())
    control.end(signal.SIGTERM)
    assert left_over() == [], f"left after SIGTERM: {left_over()}"


def clean_up(processes: list[Daemon], directory: Path) -> None:
    for process in processes:
        process.kill()
    subprocess.run(["umount", str(directory / "agent/bpf")], capture_output=True, check=False)
    for space in (NODE, BACKEND):
        subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
    shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print("tunnel_probe_test: skipped, needs root and /dev/net/tun")
        return 77
    directory = Path(tempfile.mkdtemp(prefix="fairlead-probe-"))
    processes: list[Daemon] = []
    try:
        build_network()
        serve()
        processes += daemons(directory, sys.argv[1], sys.argv[2])
        check(*processes)
    except AssertionError as error:
        print(f"tunnel_probe_test: FAILED: {error}")
        return 1
    finally:
        clean_up(processes, directory)
    print("tunnel_probe_test: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
