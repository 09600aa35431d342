#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Control at scale: start, memory, and how long one update of all weights takes to reach every worker.

usage: control_scale.py CONTROL DATAPLANE [SECONDS [TABLE_SIZE]]; exit status 0 held, 1 not, 77 skipped (not root, no net_null).

100 vips, 1000 backends, a real data plane with two workers on a port without packets. Every backend's load is pushed
ten times a second, all in one line; the policy runs as often. An update's time is control's own: from the turn that
saw the reports to the last worker's acknowledgement of the tables (`decision_to_acknowledge` in its log).
"""
from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VIPS, BACKENDS = 100, 1000
START_S, MEMORY_MIB, UPDATE_P99_MS = 3.0, 512, 20.0


def write_config(folder: Path, slots: str) -> Path:
    lines = [
        f"node: {{id: scale, address: 192.0.2.11, runtime_dir: {folder}/run}}", "metrics: {listen: off}",
        "monitoring: {listen: off, interval: 100ms}", "policy: {name: wrr}", "health: {type: none}",
        "ports: [{device: 'net_null0,no-rx=1', gateway_mac: '02:00:00:00:00:01'}]",
        "workers: {count: 2, cores: [0, 1]}", "memory: {hugepages: off, flows_per_worker: 64k, steering_bank: 64MiB}",
        "vips:",
    ]
    for vip in range(VIPS):
        lines.append(f"  - {{name: v{vip}, address: 203.0.113.{vip + 1}, port: 80, {slots}backends: [")
        lines += [f"      {{id: b{n}, address: 10.0.{n // 250}.{n % 250 + 1}}}," for n in range(vip, BACKENDS, VIPS)]
        lines.append("    ]}")
    file = folder / "c.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


class Socket:
    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rwb")

    def ask(self, command: str, **arguments) -> dict:
        self.file.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        self.file.flush()
        reply = json.loads(self.file.readline())
        if not reply["ok"]:
            raise RuntimeError(f"{command}: {reply}")
        return reply["result"]


def wait_for(what: str, condition, seconds: float = 60):
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except OSError:
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.005)


def memory_mib(pid: int, what: str) -> float:
    return int(re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def push(control: Socket, completed: list[int], speed: list[float], period_us: int) -> None:
    reports = []
    for n in range(BACKENDS):
        rate = speed[n] * random.uniform(0.5, 1.0)
        completed[n] += int(rate * period_us / 1e6)
        reports.append({"backend": f"b{n}", "application": min(1.0, rate / speed[n]), "requests_per_second": rate,
                        "completed": completed[n], "period_us": period_us, "active": 4, "latency_us": 2000})
    done = control.ask("report load", reports=reports)
    if done["accepted"] != BACKENDS:
        raise RuntimeError(f"not all believed: {done}")


def updates(control: Socket, seconds: float) -> None:
    completed, speed = [0] * BACKENDS, [random.uniform(200, 2000) for _ in range(BACKENDS)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        if random.random() < 0.1:  # capacities change, or weights would settle
            speed = [s * random.uniform(0.7, 1.4) for s in speed]
        push(control, completed, speed, 100_000)
        time.sleep(max(0.0, began + 0.1 - time.monotonic()))


def main() -> int:
    if os.geteuid() != 0:
        print("skipped: a data plane needs root")
        return 77
    control_program, dataplane_program = sys.argv[1:3]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 20.0
    folder = Path(tempfile.mkdtemp(prefix="fl_scale_"))
    config = write_config(folder, f"table_size: {sys.argv[4]}, " if len(sys.argv) > 4 else "")
    log = folder / "control.log"
    processes = []
    try:
        began = time.monotonic()
        control = subprocess.Popen([control_program, "--config", str(config), "--no-gate"], stderr=log.open("w"))
        processes.append(control)
        sock = wait_for("control answers", lambda: Socket(folder / "run/control.sock"))
        wait_for("tables", lambda: sock.ask("show status")["generation"] > 0)
        start_s = time.monotonic() - began
        plane = subprocess.Popen([dataplane_program, "--config", str(config)], stderr=subprocess.DEVNULL)
        processes.append(plane)
        wait_for("workers", lambda: sock.ask("show status")["dataplane"]["workers"] == 2)
        updates(sock, seconds)
        lines = log.read_text().splitlines()
        took = sorted(float(m.group(1)) for line in lines
                      if (m := re.search(r"acknowledged .*decision_to_acknowledge=([\d.]+)ms", line)))
        plan = sorted(float(m.group(1)) for line in lines if (m := re.search(r" plan=([\d.]+)ms", line)))
        moved = [int(m.group(1)) for line in lines if (m := re.search(r"slots_moved=(\d+)", line))]
        memory = memory_mib(control.pid, "VmHWM")
        p99 = took[int(len(took) * 0.99)]
        print(f"start {start_s:.2f} s (at most {START_S:.0f}), memory {memory:.0f} MiB (at most {MEMORY_MIB}; "
              f"of it shared regions {memory_mib(control.pid, 'RssShmem'):.0f})")
        print(f"{len(took)} updates: median {took[len(took) // 2]:.2f} ms, p99 {p99:.2f} ms (at most "
              f"{UPDATE_P99_MS:.0f}), longest {took[-1]:.2f} ms; plan median {plan[len(plan) // 2]:.2f} ms; "
              f"slots moved median {sorted(moved)[len(moved) // 2]}")
        return 0 if start_s <= START_S and memory <= MEMORY_MIB and p99 <= UPDATE_P99_MS else 1
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
