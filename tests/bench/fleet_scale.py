#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A fleet of real control processes on the loopback: how long one weight takes to be on all nodes, and what it costs.

usage: fleet_scale.py CONTROL MONITOR [NODES [BACKENDS [CHANGES [EXCHANGE [MONITOR_LOAD AGENTS]]]]]
exit status: 0 held (p99 <= 1 s, all digests equal after each change), 1 not, 77 skipped (not root, no etcd).

With MONITOR_LOAD (tests/bench/monitor_load) AGENTS report each 100 ms all the time. One etcd, one monitor, NODES controls without data plane (default 50), one vip with BACKENDS (1000). A change is an
operator's `set backend ... weight` on one node; its time is from before the command to the last node's publication of
tables, by the nodes' own event files. All in a network namespace of its own, so the bytes on its loopback are all there are.
"""
from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

P99_MS = 1000.0
MONITOR, ETCD, PEER = "127.0.0.1:9300", "127.0.0.1:2379", "127.0.0.1:2380"


def write_config(folder: Path, node: str, backends: int, exchange: str) -> Path:
    lines = [
        f"node: {{id: {node}, address: 192.0.2.11, runtime_dir: {folder}/{node}}}", "metrics: {listen: off}",
        f"monitoring: {{listen: off, exchange: {exchange}, monitors: ['{MONITOR}']}}", "policy: {name: static}",
        f"health: {{type: none}}\nfleet: {{etcd: {{endpoints: ['{ETCD}']}}}}", "memory: {steering_bank: 8MiB}",
        "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [",
    ]
    lines += [f"      {{id: b{n}, address: 10.0.{n // 250}.{n % 250 + 1}}}," for n in range(backends)]
    file = folder / f"{node}.yaml"
    file.write_text("\n".join(lines) + "\n    ]}\n")
    return file


def ask(folder: Path, node: str, command: str, **arguments) -> dict:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / node / "control.sock"))
        connection.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        reply = json.loads(connection.makefile("rb").readline())
    if not reply["ok"]:
        raise RuntimeError(f"{node}: {command}: {reply}")
    return reply["result"]


class Fleet:
    def __init__(self, folder: Path, nodes: list[str]) -> None:
        self.folder, self.nodes = folder, nodes
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def end(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
        for process in self.processes.values():
            process.wait()

    def cpu_seconds(self, name: str) -> float:
        fields = Path(f"/proc/{self.processes[name].pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def agree(self) -> bool:
        rows = [ask(self.folder, node, "show status") for node in self.nodes]
        return (len({row["digest"] for row in rows}) == 1
                and len({row["fleet"]["weights_generation"] for row in rows}) == 1
                and rows[0]["fleet"]["weights_generation"] > 0)

    def until_agreed(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.agree():
            if time.monotonic() > end:
                raise RuntimeError("the nodes' tables stay different")
            time.sleep(0.2)

    def published_us(self, node: str, after_us: int) -> int | None:
        """When the node published last after that; what it has in force is from then."""
        for line in reversed((self.folder / node / "events.jsonl").read_text().splitlines()):
            event = json.loads(line)
            if event["kind"] == "generation" and event["what"] == "published":
                return int(event["at_us"]) if event["at_us"] > after_us else None
        return None


def bytes_on_loopback() -> int:
    # Of this process's namespace: /sys may be another one's.
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split(":")[1].split()[0])
    raise RuntimeError("no loopback")


def change(fleet: Fleet, turn: int, backends: int) -> list[float]:
    """Milliseconds to each node's publication."""
    node, backend = random.choice(fleet.nodes), f"b{random.randrange(backends)}"
    before_us = time.time_ns() // 1000
    ask(fleet.folder, node, "set backend", backend=backend, weight=50 + turn)
    end = time.monotonic() + 10
    while True:
        time.sleep(0.5)
        at = [fleet.published_us(node, before_us) for node in fleet.nodes]
        if all(at) and fleet.agree():
            break
        if time.monotonic() > end:
            raise RuntimeError(f"change {turn}: {at.count(None)} nodes have not published after 10 s, or digests differ")
    return [(us - before_us) / 1000 for us in at if us]


def idle(fleet: Fleet, seconds: float) -> str:
    names = ["monitor", "etcd", *fleet.nodes]
    cpu = {name: fleet.cpu_seconds(name) for name in names}
    begun, data = time.monotonic(), bytes_on_loopback()
    time.sleep(seconds)
    took = time.monotonic() - begun
    share = {name: 100 * (fleet.cpu_seconds(name) - cpu[name]) / took for name in names}
    nodes = [share[node] for node in fleet.nodes]
    return (f"monitor_cpu={share['monitor']:.1f}% etcd_cpu={share['etcd']:.1f}% node_cpu={sum(nodes) / len(nodes):.2f}% "
            f"bytes_per_second_and_node={(bytes_on_loopback() - data) / took / len(nodes):.0f}")


def run(folder: Path, control: str, monitor: str, count: int, backends: int, changes: int, exchange: str,
        agents: list[str]) -> int:
    random.seed(1)
    nodes = [f"lb{n}" for n in range(1, count + 1)]
    fleet = Fleet(folder, nodes)
    try:
        url = f"http://{ETCD}"
        fleet.start("etcd", "etcd", "--data-dir", str(folder / "data"), "--listen-client-urls", url,
                    "--advertise-client-urls", url, "--listen-peer-urls", f"http://{PEER}",
                    "--initial-advertise-peer-urls", f"http://{PEER}", "--initial-cluster", f"default=http://{PEER}",
                    "--unsafe-no-fsync")
        files = {node: write_config(folder, node, backends, exchange) for node in nodes}
        fleet.start("monitor", monitor, "--config", str(files[nodes[0]]), "--listen", MONITOR)
        for node in nodes:
            fleet.start(node, control, "--config", str(files[node]))
        end = time.monotonic() + 60
        while not all((folder / node / "control.sock").exists() for node in nodes):
            if time.monotonic() > end:
                raise RuntimeError("not all nodes came up")
            time.sleep(0.2)
        fleet.until_agreed(60)
        print(f"idle: {idle(fleet, 5)}", flush=True)
        if agents:
            fleet.start("agents", agents[0], MONITOR, "0", str(backends), agents[1], "100", "1000")
            time.sleep(5)
            print(f"agents={agents[1]}: {idle(fleet, 10)}", flush=True)
        times = sorted(ms for turn in range(changes) for ms in change(fleet, turn, backends))
        p99 = times[min(len(times) - 1, int(0.99 * len(times)))]
        held = p99 <= P99_MS
        print(f"nodes={count} backends={backends} changes={changes} exchange={exchange} "
              f"on_a_node_ms: p50={times[len(times) // 2]:.0f} p99={p99:.0f} most={times[-1]:.0f}; digests equal after each; "
              f"{'held' if held else 'NOT HELD'}")
        return 0 if held else 1
    finally:
        fleet.end()


def main() -> int:
    if os.geteuid() != 0 or shutil.which("etcd") is None:
        print("skipped: needs root and etcd")
        return 77
    if os.environ.get("FLEET_SCALE_INSIDE") != "1":
        command = f"ip link set lo up && exec {sys.executable} \"$@\""
        return subprocess.run(["unshare", "--net", "sh", "-c", command, "sh", *sys.argv],
                              env={**os.environ, "FLEET_SCALE_INSIDE": "1"}).returncode
    arguments = sys.argv[1:] + ["50", "1000", "20", "20ms"][len(sys.argv) - 3:]
    folder = Path(tempfile.mkdtemp(prefix="fairlead-scale."))
    try:
        return run(folder, arguments[0], arguments[1], int(arguments[2]), int(arguments[3]), int(arguments[4]), arguments[5],
                   arguments[6:8])
    except RuntimeError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
