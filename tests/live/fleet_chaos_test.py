#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A minute of `scripts/lab chaos` by a fixed seed (docs/lab.md).

usage: fleet_chaos_test.py BUILD_DIRECTORY; exit status 77 (skipped) where the machine cannot make a fleet.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WORDS = "chaos --name test-fleet-chaos --seed 3 --minutes 1 --every 4 --rate 200 --nodes 3 --backends 6 --held 100".split()


def main() -> int:
    build = sys.argv[1]
    if os.geteuid() != 0:
        print("skipped: network namespaces and XDP need root")
        return 77
    if shutil.which("etcd") is None:
        print("skipped: no etcd (Debian: etcd-server)")
        return 77
    missing = [n for n in ("fairlead-control", "fairlead-dataplane", "fairlead-agent", "fairlead-monitor") if not Path(build, n).exists()]
    if missing:
        print(f"skipped: not built: {', '.join(missing)}")
        return 77
    return subprocess.run([str(ROOT / "scripts/lab"), *WORDS], env=os.environ | {"FAIRLEAD_BUILD": build}, timeout=150, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
