#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What DPDK's own test program needs per packet on net_null, as a benchmark: io (receive and send) and macswap.

usage: testpmd_bench.py [--benchmark_repetitions=N] [--benchmark_filter=REGEX]   (other --benchmark_ options are ignored)

It prints what a Google Benchmark program prints. net_null delivers buffers without content out of a small cache, so this
is the floor of any DPDK program with one port, not of a balancer: no tuple is read, no table asked. testpmd's
statistics are asked for every 20 ms, and each answer counts as a repetition: some fall between what else the machine
does. Two CPUs: one forwards, one answers.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

WINDOW_SECONDS = 0.02
PROMPT = b"testpmd> "
COMMAND = ["dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "128", "-l", "0,1",
           "--vdev", "net_null0,size=64", "--log-level", "1", "--", "-i", "--nb-cores=1", "--total-num-mbufs=8192"]


def packets_per_second(mode: str, windows: int) -> list[int]:
    """Of each window; the first, which holds the start, is left out."""
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as testpmd:
        output = b""

        def say(line: str) -> None:
            """Waits until testpmd asks, then says it: it takes a second to start, and commands must not pile up."""
            nonlocal output
            while not output.endswith(PROMPT):
                more = os.read(testpmd.stdout.fileno(), 65536)
                if not more:
                    raise RuntimeError(f"dpdk-testpmd ended early: {output.decode()[-400:]}")
                output += more
            os.write(testpmd.stdin.fileno(), line.encode() + b"\n")
            output += b"\n"

        say(f"set fwd {mode}")
        say("start")
        for _ in range(windows + 1):
            say("show port stats 0")
            time.sleep(WINDOW_SECONDS)
        say("show port stats 0")
        say("stop")
        say("quit")
        output += testpmd.communicate(timeout=60)[0]
    if testpmd.returncode != 0:
        raise RuntimeError(f"dpdk-testpmd ended with status {testpmd.returncode}: {output.decode()[-400:]}")
    rates = [int(rate) for rate in re.findall(rb"Tx-pps:\s+(\d+)", output)]
    return [rate for rate in rates[2:] if rate > 0]


def main() -> int:
    parser = argparse.ArgumentParser(description="What dpdk-testpmd needs per packet on net_null.")
    parser.add_argument("--benchmark_repetitions", type=int, default=7)
    parser.add_argument("--benchmark_filter", default=".")
    options, _ = parser.parse_known_args()
    benchmarks = []
    usable = shutil.which("dpdk-testpmd") is not None and (os.cpu_count() or 1) >= 2
    if not usable:
        print("skipped: needs dpdk-testpmd and two CPUs", file=sys.stderr)
    for mode in ("io", "macswap") if usable else ():
        name = f"testpmd/{mode}_on_net_null"
        if not re.search(options.benchmark_filter, name):
            continue
        for rate in packets_per_second(mode, 10 * options.benchmark_repetitions):
            benchmarks.append({"name": name, "run_type": "iteration", "items_per_second": rate})
    json.dump({"benchmarks": benchmarks}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
