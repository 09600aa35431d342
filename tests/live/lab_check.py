#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One live promise on a small fleet: scripts/lab check KIND with 2 nodes and 4 backends.

usage: lab_check.py KIND BUILD_DIRECTORY; exit status 77 (skipped) where the machine cannot make a fleet.
"""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = {"failover": "12", "reload": "10", "takeover": "9", "chaos": "16"}


def main() -> int:
    kind, build = sys.argv[1], sys.argv[2]
    if os.geteuid() != 0:
        print("skipped: network namespaces and XDP need root")
        return 77
    missing = [n for n in ("fairlead-control", "fairlead-dataplane", "fairlead-agent") if not Path(build, n).exists()]
    if missing:
        print(f"skipped: not built: {', '.join(missing)}")
        return 77
    command = [str(ROOT / "scripts/lab"), "check", kind, "--name", f"test-{kind}", "--nodes", "2", "--backends", "4",
               "--rate", "200", "--seconds", SECONDS[kind]]
    return subprocess.run(command, env=os.environ | {"FAIRLEAD_BUILD": build}, timeout=100, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
