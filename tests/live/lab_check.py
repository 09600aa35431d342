#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One live promise on a small fleet: scripts/lab check KIND.

usage: lab_check.py KIND BUILD_DIRECTORY; exit status 77 (skipped) where the machine cannot make a fleet.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# KIND: seconds, nodes, requests a second. failover has three nodes: two must be left to see that they do not both take a
# connection whose frames the bridge floods. headless: a dead backend looks full, so of few requests it gets its third SYN, by which
# a worker judges, late (200 a second: up to 6 s; 400: up to 1.4 s).
SIZES = {"start": ("20", "5", "1"), "failover": ("12", "3", "400"), "reload": ("10", "2", "200"),
         "takeover": ("24", "2", "200"), "headless": ("18", "2", "400"), "headless-gate": ("18", "2", "400"),
         "leave": ("9", "2", "200"), "probes": ("10", "2", "200"),
         "node-death": ("24", "3", "100"), "node-death-ipip": ("26", "3", "100"), "chaos": ("16", "2", "200"),
         "monitor": ("16", "3", "200"), "monitor-tls": ("16", "3", "200"), "hang": ("24", "2", "200"),
         "bird": ("70", "3", "200"), "etcd-away": ("15", "3", "200")}
STROKES = {"bird": "1"}
ETCD = ("etcd", "etcd-server")
NEEDS = {"bird": [("bird", "bird2"), ETCD], "etcd-away": [ETCD], "monitor-tls": [("openssl", "openssl")]}  # program, Debian package
BACKENDS = {"start": "10", "node-death": "6", "node-death-ipip": "6"}


def main() -> int:
    kind, build = sys.argv[1], sys.argv[2]
    if os.geteuid() != 0:
        print("skipped: network namespaces and XDP need root")
        return 77
    missing = [n for n in ("fairlead-control", "fairlead-dataplane", "fairlead-agent") if not Path(build, n).exists()]
    if missing:
        print(f"skipped: not built: {', '.join(missing)}")
        return 77
    for program, package in NEEDS.get(kind, []):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
            print(f"skipped: no {program} (Debian: {package})")
            return 77
    seconds, nodes, rate = SIZES[kind]
    command = [str(ROOT / "scripts/lab"), "check", kind, "--name", f"test-{kind}", "--nodes", nodes, "--backends", BACKENDS.get(kind, "4"),
               "--rate", rate, "--seconds", seconds, "--strokes", STROKES.get(kind, "2")]
    return subprocess.run(command, env=os.environ | {"FAIRLEAD_BUILD": build}, timeout=160, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
