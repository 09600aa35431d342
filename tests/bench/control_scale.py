#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Control at scale: start, memory, and how long one update of all weights takes to reach every worker.

usage: control_scale.py CONTROL DATAPLANE [--shape SHAPE] [--seconds S] [--table-size SLOTS]
       control_scale.py --benchmark_format=json     (as scripts/bench calls it: all shapes, builds of build/)

Exit status 0 held, 1 not, 2 bad command line, 77 skipped (not root). Shapes, each of 100 vips and 1000 backends:
  disjoint   each backend serves one vip: 10 a vip
  shared     every vip has all 1000, with the same weights
  different  every vip has all 1000, with weights of its own

A real data plane with two workers on a port without packets. Every backend's load is pushed ten times a second, all in
one line; the policy runs as often. An update's time is control's own: from the turn that saw the reports to the last
worker's acknowledgement of the tables (`decision_to_acknowledge` in its log).
"""
from __future__ import annotations

import argparse
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

from waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
VIPS, BACKENDS = 100, 1000
START_S, MEMORY_MIB, UPDATE_P99_MS = 3.0, 512, 20.0
SHAPES = ("disjoint", "shared", "different")


def pool_of(vip: int, shape: str) -> list[str]:
    numbers = range(vip, BACKENDS, VIPS) if shape == "disjoint" else range(BACKENDS)
    weight = (lambda n: 1 + (n * 31 + vip * 17) % 100) if shape == "different" else (lambda n: 100)
    return [f"      {{id: b{n}, address: 10.0.{n // 250}.{n % 250 + 1}, weight: {weight(n)}}}," for n in numbers]


def write_config(folder: Path, shape: str, slots: int | None) -> Path:
    lines = [
        f"node: {{id: scale, address: 192.0.2.11, runtime_dir: {folder}/run}}", "metrics: {listen: off}",
        "monitoring: {listen: off, interval: 100ms}", "policy: {name: wrr}", "health: {type: none}",
        "ports: [{device: 'net_null0,no-rx=1', gateway_mac: '02:00:00:00:00:01'}]",
        "workers: {count: 2, cores: [0, 1]}", "memory: {hugepages: off, flows_per_worker: 64k}", "vips:",
    ]
    size = f"table_size: {slots}, " if slots else ""
    for vip in range(VIPS):
        lines.append(f"  - {{name: v{vip}, address: 203.0.113.{vip + 1}, port: 80, {size}backends: [")
        lines += pool_of(vip, shape) + ["    ]}"]
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


def memory_mib(pid: int) -> float:
    """The most that was resident, shared regions included."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def regions_mib(pid: int, folder: Path) -> float:
    """Resident pages of the runtime directory's files, in whatever file system they are."""
    total, counts = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = f"{folder}/run/" in line
        elif counts and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total / 1024


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


def figures(log: str, pattern: str) -> list[float]:
    return sorted(float(found) for found in re.findall(pattern, log))


def measure(control_program: str, dataplane_program: str, shape: str, seconds: float, slots: int | None) -> dict:
    folder = Path(tempfile.mkdtemp(prefix="fl_scale_"))
    config = write_config(folder, shape, slots)
    log = folder / "control.log"
    processes = []
    try:
        began = time.monotonic()
        control = subprocess.Popen([control_program, "--config", str(config), "--no-gate"], stderr=log.open("w"))
        processes.append(control)
        sock = wait_for("control answers", lambda: Socket(folder / "run/control.sock"))
        wait_for("tables", lambda: sock.ask("show status")["generation"] > 0)
        out = {"shape": shape, "start_s": time.monotonic() - began}
        plane = subprocess.Popen([dataplane_program, "--config", str(config)], stderr=subprocess.DEVNULL)
        processes.append(plane)
        wait_for("workers", lambda: sock.ask("show status")["dataplane"]["workers"] == 2)
        updates(sock, seconds)
        text = log.read_text()
        out["took_ms"] = figures(text, r"acknowledged .*decision_to_acknowledge=([\d.]+)ms")
        out["plan_ms"] = figures(text, r" plan=([\d.]+)ms")
        out["moved"] = figures(text, r"slots_moved=(\d+)")
        out["memory_mib"] = memory_mib(control.pid)
        out["regions_mib"] = regions_mib(control.pid, folder)
        return out
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def part(values: list[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]


def judge(m: dict) -> bool:
    p99 = part(m["took_ms"], 0.99)
    print(f"{m['shape']}: start {m['start_s']:.2f} s (at most {START_S:.0f}), memory {m['memory_mib']:.0f} MiB (at most "
          f"{MEMORY_MIB}; of it shared regions {m['regions_mib']:.0f})")
    print(f"  {len(m['took_ms'])} updates: median {part(m['took_ms'], 0.5):.2f} ms, p99 {p99:.2f} ms (at most "
          f"{UPDATE_P99_MS:.0f}), longest {m['took_ms'][-1]:.2f} ms; plan median {part(m['plan_ms'], 0.5):.2f} ms; "
          f"slots moved median {part(m['moved'], 0.5):.0f}")
    return m["start_s"] <= START_S and m["memory_mib"] <= MEMORY_MIB and p99 <= UPDATE_P99_MS


def benchmark(programs: list[str], pattern: str) -> None:
    """What a Google Benchmark program prints: each update is a repetition."""
    runs = []
    for shape in SHAPES:
        name = f"control_scale/{shape}"
        if not re.search(pattern, name) or os.geteuid() != 0:
            continue
        took = measure(*programs, shape, 10, None)["took_ms"]
        runs += [{"name": f"{name}/{what}", "run_type": "iteration", "value_ms": part(took, share)}
                 for what, share in (("median", 0.5), ("p99", 0.99))]
    json.dump({"benchmarks": runs}, sys.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description="Start, memory and updates of control with 100 vips, 1000 backends.")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="fairlead-control and fairlead-dataplane")
    parser.add_argument("--shape", choices=(*SHAPES, "all"), default="disjoint")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--table-size", type=int)
    parser.add_argument("--benchmark_format", help=argparse.SUPPRESS)
    parser.add_argument("--benchmark_filter", default=".", help=argparse.SUPPRESS)
    options, others = parser.parse_known_args()
    if len(options.programs) not in (0, 2) or any(not word.startswith("--benchmark_") for word in others):
        parser.error("give both programs or none" if not others else f"unknown: {' '.join(others)}")
    programs = options.programs or [str(ROOT / "build" / name) for name in ("fairlead-control", "fairlead-dataplane")]
    if options.benchmark_format:
        benchmark(programs, options.benchmark_filter)
        return 0
    if os.geteuid() != 0:
        print("skipped: a data plane needs root")
        return 77
    shapes = SHAPES if options.shape == "all" else (options.shape,)
    held = [judge(measure(*programs, shape, options.seconds, options.table_size)) for shape in shapes]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
