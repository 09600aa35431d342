#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks who includes whom (docs/architecture.md, Layers) and that pure code stays pure.

usage: check_layers.py REPOSITORY; prints one line per violation, exit status 1 if there is any.
"""
import re
import sys
from pathlib import Path

# Folder -> what of ours it may include (itself always). The longest matching prefix decides.
MAY_INCLUDE: dict[str, list[str]] = {
    "dataplane/base": [],
    "dataplane/sys": ["dataplane/base"],
    "dataplane/net": ["dataplane/base", "dataplane/steer/drop_reasons.h"],
    "dataplane/steer": ["dataplane/base", "dataplane/net"],
    "dataplane/shm": ["dataplane/base", "dataplane/net", "dataplane/steer", "dataplane/sys"],
    "dataplane/flow": ["dataplane/base", "dataplane/net", "dataplane/steer"],
    "dataplane/path": ["dataplane/base", "dataplane/net", "dataplane/steer", "dataplane/flow"],
    "dataplane": ["dataplane", "control/config", "control/model", "control/steering", "control/policy"],
    "control/model": ["dataplane/base", "dataplane/net", "dataplane/steer"],
    "control/policy": ["control/model", "dataplane/base"],
    "control/steering": ["control/model", "dataplane/base", "dataplane/net", "dataplane/steer", "dataplane/shm"],
    "control/config": ["control/model", "dataplane/base", "dataplane/net", "dataplane/sys/input_file.hh"],
    "control/health": ["control/model", "dataplane/base", "dataplane/net", "dataplane/sys",
                       "dataplane/steer/tuple_hash.hh"],  # outer headers of probes, as the data plane's
    "control/monitor": ["control/model", "dataplane/base", "dataplane/net", "dataplane/sys", "control/api/fairlead."],
    "control/etcd": ["control/config/config.hh", "dataplane/base", "dataplane/sys"],
    "control/fleet": ["control/etcd", "dataplane/base", "dataplane/sys"],
    "control/routes": ["dataplane/base", "dataplane/sys"],
    "control/exchange": ["dataplane/base", "dataplane/net", "dataplane/sys", "dataplane/steer/abi.h",
                         "dataplane/steer/flow_hash.h"],
    "control/central": ["control/config", "control/etcd", "control/exchange", "control/fleet", "control/model", "control/monitor",
                        "control/policy", "control/steering", "control/fleet_bases.hh", "control/holds.hh", "control/metrics_page.hh", "control/operator_state.hh", "control/policy_input.hh",
                        "control/pool_weights.hh", "control/shared_operators.hh", "dataplane/base", "dataplane/sys"],
    "control/api": ["control/model", "dataplane/base", "dataplane/net", "dataplane/sys", "dataplane/steer",
                    "dataplane/shm", "dataplane/flow",
                    # A table at rest is flushed by the code that flushes it at work.
                    "dataplane/path/flow_flush.hh", "dataplane/path/flow_state.hh"],
    "control/staging": ["dataplane/base"],
    "control/sim": ["control/model", "control/policy", "control/steering", "control/config", "control/exchange/worth.hh", "control/health/dampener.hh",
                    "dataplane/base", "dataplane/net", "dataplane/steer", "dataplane/flow", "dataplane/path",
                    # Its files and command line; never the real clock.
                    "dataplane/sys/given_values.hh", "dataplane/sys/input_file.hh", "dataplane/sys/json_line.hh",
                    "dataplane/sys/output_file.hh", "dataplane/sys/report.hh"],
    "control/cli": ["dataplane/base", "dataplane/sys", "dataplane/net", "control/api/flow_file.hh", "control/api/flow_flush.hh",
                    "control/api/methods.hh", "control/api/request.hh", "control/api/table_file.hh",
                    "control/config", "control/model"],  # config check reads files as the daemons do
    "control": ["control", "dataplane/base", "dataplane/sys", "dataplane/net", "dataplane/steer", "dataplane/shm",
                "dataplane/flow", "dataplane/path", "dataplane/device.hh", "dataplane/kernel_neighbours.hh",
                "ebpf"],  # path: lookup runs the very code; the others: next hops for the gate
    "ebpf": ["dataplane/base", "dataplane/sys", "dataplane/net", "dataplane/steer", "dataplane/console.hh", "control/model",
             "control/config", "control/api/fairlead.", "control/monitor/channel.hh", "control/monitor/tls.hh"],
    "tests": ["dataplane", "control", "ebpf", "tests"],
}

# What pure folders must not see: DPDK, logging, YAML, gRPC, files, clocks, environment.
PURE = ["dataplane/base", "dataplane/net", "dataplane/steer", "dataplane/flow", "dataplane/path",
        "control/model", "control/policy", "control/staging", "control/steering"]
IMPURE = re.compile(r"#include <(rte_|spdlog|yaml\.h|grpc|fstream|iostream|filesystem|fcntl\.h|sys/mman)"
                    r"|\b(clock_gettime|steady_clock::now|system_clock::now|getenv)\b")

INCLUDE = re.compile(r'^\s*#include "([^"]+)"')


def rule_for(path: str) -> tuple[str, list[str]]:
    folder = max((f for f in MAY_INCLUDE if path.startswith(f + "/")), key=len)
    return folder, MAY_INCLUDE[folder]


def violations(root: Path) -> list[str]:
    found = []
    sources = [p for top in ("dataplane", "control", "ebpf", "tests") for p in (root / top).rglob("*")
               if p.suffix in (".cc", ".hh", ".h", ".c")]
    for source in sorted(sources):
        path = source.relative_to(root).as_posix()
        folder, allowed = rule_for(path)
        pure = any(path.startswith(p + "/") for p in PURE)
        for number, line in enumerate(source.read_text().splitlines(), 1):
            include = INCLUDE.match(line)
            if include:
                target = include.group(1)
                ours = target.startswith(("dataplane/", "control/", "ebpf/", "tests/"))
                if target.startswith("../"):
                    found.append(f"{path}:{number}: includes by relative path: {target}")
                elif ours and not any(target.startswith(a) for a in [folder + "/", *allowed]):
                    found.append(f"{path}:{number}: {folder} may not include {target}")
            if pure and IMPURE.search(line) and not line.lstrip().startswith("//"):
                found.append(f"{path}:{number}: pure code may not use: {line.strip()}")
    return found


def main() -> int:
    lines = violations(Path(sys.argv[1]))
    print("\n".join(lines) if lines else "layers: no violation")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
