#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Replays NAME/send.pcap and compares with NAME/expect.pcap and expect.csv, byte for byte.

Usage: golden_test.py DATAPLANE FOLDER [--record]
--record writes the expectation anew after the independent check (unwrap.py) has passed.
"""
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import unwrap


def main() -> int:
    dataplane, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="fl_golden_") as work:
        out, rows = Path(work) / "out.pcap", Path(work) / "rows.csv"
        done = subprocess.run(
            [dataplane, "--replay", folder / "send.pcap", "--out", out, "--decisions", rows,
             "--config", folder / "config.yaml"],
            capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            print(done.stderr)
            return 1
        unwrap.check(folder / "config.yaml", folder / "send.pcap", out, rows)
        if "--record" in sys.argv:
            shutil.copy(out, folder / "expect.pcap")
            shutil.copy(rows, folder / "expect.csv")
            return 0
        got, expected = rows.read_text().splitlines(), (folder / "expect.csv").read_text().splitlines()
        for i, (a, b) in enumerate(zip(got, expected)):
            if a != b:
                print(f"row {i}: expected {b}\n        got      {a}")
                return 1
        if len(got) != len(expected):
            print(f"{len(got)} rows, expected {len(expected)}")
            return 1
        if out.read_bytes() != (folder / "expect.pcap").read_bytes():
            print("forwarded packets differ from expect.pcap; compare with: tcpdump -xx -r")
            return 1
    return 0


sys.exit(main())
