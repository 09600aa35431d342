#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A million packets: a row for each, each flow on one backend, the same bytes in every run.

Usage: million_test.py DATAPLANE
"""
from __future__ import annotations

import csv
import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PACKETS = 1_000_000
CONFIG = """node: {id: lb1, address: 192.0.2.11}
vips:
  - name: web
    address: 203.0.113.10
    protocol: tcp
    port: 80
    encapsulation: ipip
    choices: 2
    backends: &pool
""" + "".join(f"      - {{id: b{i}, address: 10.0.0.{i}, weight: {50 + i}}}\n" for i in range(1, 21))
CONFIG += CONFIG[CONFIG.index("  - name"):].replace("web", "dns").replace("tcp", "udp").replace(
    "port: 80", "port: 53").replace("ipip", "gue").replace(" &pool", "")
CONFIG = CONFIG.replace(" &pool", "")


def replay(dataplane: str, folder: Path, run: int, *more: str) -> tuple[Path, Path]:
    out, rows = folder / f"out{run}.pcap", folder / f"rows{run}.csv"
    subprocess.run(
        [dataplane, "--replay", folder / "in.pcap", "--out", out, "--decisions", rows,
         "--config", folder / "c.yaml", *more],
        check=True, timeout=120)
    return out, rows


def main() -> None:
    dataplane = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="fl_million_") as name:
        folder = Path(name)
        (folder / "c.yaml").write_text(CONFIG)
        subprocess.run([sys.executable, HERE / "million_packets.py", folder / "in.pcap", str(PACKETS)],
                       check=True)
        first, second = replay(dataplane, folder, 1), replay(dataplane, folder, 2)
        for a, b in zip(first, second):
            assert filecmp.cmp(a, b, shallow=False), f"{a.name} and {b.name} differ"
        backends: dict[str, str] = {}
        forwarded = 0
        with first[1].open() as rows:
            for number, row in enumerate(csv.DictReader(rows), start=1):
                assert int(row["packet"]) == number
                assert row["verdict"] == "forward", row
                assert backends.setdefault(row["flow"], row["backend_id"]) == row["backend_id"], row
                forwarded += 1
        assert forwarded == PACKETS, forwarded
        assert len(set(backends.values())) == 20, "a backend got no flow"
        assert os.path.getsize(first[0]) > PACKETS * (16 + 54 + 20), "packets are missing"
        # With the packets' own clock no flow of this capture is idle long enough to be forgotten.
        assert filecmp.cmp(replay(dataplane, folder, 3, "--clock", "pcap")[1], first[1], shallow=False)


main()
