#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Replays NAME/send.pcap and compares with NAME/expect.pcap, expect.csv and, where it is, answers.pcap, byte for byte.

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
    extra = folder / "arguments"
    arguments = extra.read_text().split() if extra.exists() else []
    mtu = int(arguments[arguments.index("--mtu") + 1]) if "--mtu" in arguments else 65535
    with tempfile.TemporaryDirectory(prefix="fl_golden_") as work:
        out, rows, answers = (Path(work) / name for name in ("out.pcap", "rows.csv", "answers.pcap"))
        done = subprocess.run(
            [dataplane, "--replay", folder / "send.pcap", "--out", out, "--decisions", rows,
             "--answers", answers, "--config", folder / "config.yaml", *arguments],
            capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            print(done.stderr)
            return 1
        unwrap.check(folder / "config.yaml", folder / "send.pcap", out, rows, answers, mtu)
        if "--record" in sys.argv:
            shutil.copy(out, folder / "expect.pcap")
            shutil.copy(rows, folder / "expect.csv")
            if "--mtu" in arguments:
                shutil.copy(answers, folder / "answers.pcap")
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
        expected_answers = folder / "answers.pcap"
        if expected_answers.exists() and answers.read_bytes() != expected_answers.read_bytes():
            print("answers differ from answers.pcap; compare with: tcpdump -xx -r")
            return 1
    return 0


sys.exit(main())
