#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bad input to fairlead-agent, fairlead-control and fairlead-monitor: one line that names it, exit status 2, nothing left behind.

Usage: daemons_bad_input_test.py AGENT CONTROL MONITOR
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

AGENT = """backend: b1
interface: lo
runtime_dir: RUN
vips: [{address: 203.0.113.10, port: 80}]
nodes: [192.0.2.1]
load: {url: "http://h/"}
report: {to: ["h:1"], interval: 1s}
"""
CONTROL = """node: {id: lb1, address: 192.0.2.11, runtime_dir: RUN}
vips:
  - {name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1}]}
"""

# Program, what is replaced in its good file, by what -> what the line must say.
CASES = [
    ("agent", "lo\n", "nosuch9\n", "bad.yaml:2: interface: interface 'nosuch9' is not there"),
    ("agent", "http://h/", "http://", "bad.yaml:6: load.url"),
    ("agent", "RUN", "/proc/x", "runtime_dir: /proc/x: cannot be written"),
    ("agent", "RUN", "/dev/null/x", "runtime_dir: /dev/null/x: cannot be written"),
    ("agent", "RUN", "HERE/bad.yaml", "bad.yaml: is not a folder"),
    ("agent", "lo\n", "lo\n\x1b[2J: 1\n", "bad.yaml:3"),
    ("control", "{id: lb1", "{interface: nosuch9, id: lb1", "bad.yaml:1: node.interface: interface 'nosuch9' is not there"),
    ("control", "vips", 'ports: [{device: "net_af_xdp0,iface=nosuch9"}]\nvips',
     "bad.yaml:2: ports[0].device: interface 'nosuch9' is not there"),
    ("control", "RUN", "/proc/x", "node.runtime_dir: /proc/x: cannot be written"),
    ("control", "RUN", "HERE/bad.yaml", "bad.yaml: is not a folder"),
    ("control", "vips", "monitoring: {monitors: [h:1]}\nvips", "bad.yaml:2: monitoring.monitors: 'h:1' is not ADDRESS:PORT"),
    ("monitor", "vips", "fleet: {etcd: {endpoints: [h]}}\nvips", "bad.yaml:2: fleet.etcd.endpoints: 'h' is not HOST:PORT"),
    ("monitor", "vips", 'fleet: {etcd: {endpoints: ["h:1"], ca_file: /nosuch9}}\nvips', "fleet.etcd.ca_file: /nosuch9"),
    ("monitor", "vips", 'fleet: {etcd: {endpoints: ["h:1"]}}\nvips', "say with --advertise"),
]


def run(program: list[str], folder: Path, text: str) -> tuple[int, list[str], str | None]:
    """Exit status, lines of stderr, what is wrong with them or with what stayed."""
    here = str(folder)
    (folder / "bad.yaml").write_text(text.replace("RUN", here + "/run").replace("HERE", here))
    done = subprocess.run([*program, "--config", "bad.yaml"], cwd=folder, capture_output=True, text=True, timeout=30)
    lines = [line for line in done.stderr.splitlines() if " warning " not in line]
    wrong = None
    if sorted(os.listdir(folder)) != ["bad.yaml"]:
        wrong = f"left behind: {os.listdir(folder)}"
    elif any(not line.isprintable() or len(line) > 1100 for line in lines):
        wrong = "prints what is no text"
    return done.returncode, lines, wrong


def main() -> int:
    programs = {name: [os.path.abspath(path)] for name, path in zip(("agent", "control", "monitor"), sys.argv[1:])}
    good = {"agent": AGENT, "control": CONTROL, "monitor": CONTROL}
    failed = 0
    with tempfile.TemporaryDirectory(prefix="fl_bad_") as name:
        folder = Path(name)
        for program, what, by, words in CASES:
            status, lines, wrong = run(programs[program], folder, good[program].replace(what, by))
            if wrong is None and (status != 2 or len(lines) != 1 or words not in lines[0]):
                wrong = f"exit status {status}, {lines}"
            print("ok  " if wrong is None else "FAIL", program, ascii(by), wrong or "")
            failed += wrong is not None
        for program, text in good.items():
            for length in range(0, len(text), 5):  # cut anywhere: accepted or refused, never worse
                status, lines, wrong = run([*programs[program], "--check"], folder, text[:length])
                if wrong is None and (status not in (0, 2) or len(lines) != status // 2):
                    wrong = f"exit status {status}, {lines}"
                if wrong is not None:
                    print("FAIL", program, "cut at", length, wrong)
                    failed += 1
    return 1 if failed else 0


sys.exit(main())
