#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds what a packet costs: callgrind counts the instructions of five paths, bounds are below.

usage: cost_test.py PIPELINE_INSTRUCTIONS   (a build with GCC at -O2; exit 77 without valgrind)

Instructions are the one measure of speed that does not depend on the machine or its load. A bound is what was measured
when it was set, plus 5 %. A change that needs more has to say in its commit message why, and raise it; one that
needs less lowers it.
"""
import re
import shutil
import subprocess
import sys
import tempfile

PACKETS = 3200

# Instructions per packet, as measured.
MEASURED = {
    "ipv4_hit": 239.0,
    "ipv6_hit": 269.8,
    "gue_hit": 251.8,
    "new_flow": 685.8,
    "no_vip": 85.4,
}
ALLOWANCE = 1.05


def instructions_per_packet(program: str, path: str, directory: str) -> float:
    command = [
        "valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/{path}", "--collect-atstart=no",
        "--toggle-collect=*measured_burst*", program, path, str(PACKETS),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        raise RuntimeError(f"{path}: valgrind ended with status {done.returncode}: {done.stderr[-400:]}")
    return int(collected.group(1)) / PACKETS


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: cost_test.py PIPELINE_INSTRUCTIONS", file=sys.stderr)
        return 2
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for path, measured in MEASURED.items():
            bound = measured * ALLOWANCE
            cost = instructions_per_packet(sys.argv[1], path, directory)
            verdict = "ok" if cost <= bound else "TOO MANY"
            print(f"{path:<10} {cost:7.1f} instructions/packet, bound {bound:7.1f}: {verdict}", flush=True)
            failed += cost > bound
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
