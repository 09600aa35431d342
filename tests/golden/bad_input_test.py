#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bad input to fairlead-dataplane: one line that names it, exit status 2, no output file.

Usage: bad_input_test.py DATAPLANE
"""
from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
PACKET = struct.pack("<IIII", 1, 0, 60, 60) + b"\0" * 60
CONFIG = (Path(__file__).parent / "ipip4/config.yaml").read_text()

FILES = {
    "good.pcap": HEADER + PACKET,
    "empty.pcap": b"",
    "none.pcap": HEADER,
    "text.pcap": b"this is no capture, only text of some length\n",
    "header_cut.pcap": HEADER[:20],
    "record_cut.pcap": HEADER + PACKET + PACKET[:9],
    "packet_cut.pcap": HEADER + PACKET + PACKET[:40],
    "absurd.pcap": HEADER + struct.pack("<IIII", 1, 0, 0x7FFFFFFF, 60) + b"\0" * 60,
    "claims.pcap": HEADER + PACKET + struct.pack("<IIII", 1, 0, 60, 59) + b"\0" * 60,
    "zero.pcap": HEADER + struct.pack("<IIII", 1, 0, 0, 60),
    "wifi.pcap": HEADER[:20] + struct.pack("<I", 105) + PACKET,
    "good.yaml": CONFIG.encode(),
    "key.yaml": CONFIG.replace("encapsulation", "encapsulaton").encode(),
    "list.yaml": b"- 1\n- 2\n",
    "noports.yaml": CONFIG.encode(),
    "core.yaml": (CONFIG + 'workers: {count: 1, cores: [63]}\nports: [{device: "net_null0"}]\n').encode(),
    "punt.yaml": (CONFIG + 'ports: [{device: "net_af_xdp0,iface=lo", punt_tap: x}]\n').encode(),
    "null.yaml": (CONFIG + 'ports: [{device: "net_null0"}]\n').encode(),
    "iface.yaml": (CONFIG + 'ports: [{device: "net_af_packet0,iface=nosuch0"}]\n').encode(),
    "driver.yaml": (CONFIG + 'ports: [{device: "net_nothing0", gateway_mac: "02:00:00:00:00:01"}]\n').encode(),
}

REPLAY = ["--out", "out.pcap", "--decisions", "rows.csv", "--config", "good.yaml", "--replay"]
# What is given -> what the one line must say.
CASES = [
    ([], "--config is missing"),
    (["--config", "good.yaml", "--fast"], "--fast"),
    (["--config", "good.yaml", "web"], "web"),
    (["--config"], "--config"),
    (["--config", "absent.yaml"], "absent.yaml"),
    (["--config", "key.yaml"], "did you mean"),
    (["--config", "list.yaml"], "list.yaml"),
    (["--config", "noports.yaml"], "ports"),
    (["--config", "core.yaml"], "workers.cores"),
    (["--config", "driver.yaml"], "net_nothing0"),
    (["--config", "punt.yaml"], "remove punt_tap"),
    (["--config", "iface.yaml"], "interface 'nosuch0' is not there"),
    (["--config", "null.yaml", "--runtime-dir", "/proc/x"], "node.runtime_dir: /proc/x: cannot be written"),
    (["--config", "null.yaml", "--hugepages", "off", "--eal", "--nosuch"], "--eal: DPDK refuses"),
    (["--config", "x" * 300], "File name too long"),
    (["--" + "x" * 100000], "--xxx"),
    (["--config", "pipe"], "pipe: is not a regular file"),
    (["--config", "good.yaml", "--replay", "pipe", "--out", "out.pcap"], "pipe: is not a regular file"),
    (["--config", "good.yaml", "--out", "out.pcap"], "give --replay"),
    (["--config", "good.yaml", "--replay", "", "--out", "out.pcap"], "--replay: the value is empty"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "out.pcap", "--decisions", ""], "--decisions: the value is empty"),
    (["--config", "good.yaml", "--replay", "good.pcap"], "--out is missing"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "good.pcap"], "same file"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "./good.pcap"], "same file"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "out.pcap", "--decisions", "run/../good.yaml"],
     "would overwrite it"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "out.pcap", "--decisions", "./out.pcap"], "same file"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "pipe"], "pipe: is not a regular file"),
    ([*REPLAY, "good.pcap", "--clock", "wall"], "wall"),
    ([*REPLAY, "good.pcap", "--hugepages", "maybe"], "maybe"),
    ([*REPLAY, "good.pcap", "--runtime-dir", "run"], "are for forwarding"),
    ([*REPLAY, "absent.pcap"], "absent.pcap: cannot read: No such file"),
    ([*REPLAY, "."], "not a regular file"),
    ([*REPLAY, "empty.pcap"], "file is empty"),
    ([*REPLAY, "none.pcap"], "holds no packets"),
    ([*REPLAY, "text.pcap"], "not a pcap file"),
    ([*REPLAY, "header_cut.pcap"], "not a pcap file"),
    ([*REPLAY, "record_cut.pcap"], "damaged after packet 1"),
    ([*REPLAY, "packet_cut.pcap"], "damaged after packet 1"),
    ([*REPLAY, "absurd.pcap"], "damaged after packet 0"),
    ([*REPLAY, "zero.pcap"], "packet 1 has no bytes"),
    ([*REPLAY, "claims.pcap"], "packet 2 claims 60 bytes of a packet of 59"),
    ([*REPLAY, "wifi.pcap"], "only Ethernet"),
    ([*REPLAY, "no\n\x1b[2Jsuch.pcap"], "no\\n\\x1b[2Jsuch.pcap: cannot read: No such file"),
    (["--config", "no\nsuch.yaml"], "no\\nsuch.yaml: cannot read"),
    (["--config", "/dev/zero"], "/dev/zero: is not a regular file"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "absent/out.pcap"], "absent/out.pcap"),
    (["--config", "good.yaml", "--replay", "good.pcap", "--out", "."], "is a folder"),
]


def run(dataplane: str, arguments: list[str], folder: Path, words: str) -> str | None:
    """None if all is as it must be, else what is not."""
    before = sorted(os.listdir(folder))
    done = subprocess.run([dataplane, *([] if {"--runtime-dir", "--replay"} & {*arguments} else ["--runtime-dir", str(folder / "run")]), *arguments],
                          cwd=folder, capture_output=True, text=True, timeout=30)
    if "driver.yaml" in arguments or "--nosuch" in arguments:  # only DPDK can tell, when the regions are there
        shutil.rmtree(folder / "run", ignore_errors=True)
    lines = [line for line in done.stderr.splitlines() if " info " not in line]
    if done.returncode != 2:
        return f"exit status {done.returncode}: {done.stderr}"
    if len(lines) != 1:
        return f"{len(lines)} lines: {done.stderr}"
    if len(lines[0]) > 1100 or not lines[0].isprintable():
        return f"prints what is no text: {done.stderr}"
    if words not in lines[0]:
        return f"does not say '{words}': {done.stderr}"
    if sorted(os.listdir(folder)) != before:
        return f"left files behind: {set(os.listdir(folder)) - set(before)}"
    return None


def main() -> int:
    dataplane = os.path.abspath(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory(prefix="fl_bad_") as name:
        folder = Path(name)
        for file, content in FILES.items():
            (folder / file).write_bytes(content)
        os.mkfifo(folder / "pipe")
        for arguments, words in CASES:
            wrong = run(dataplane, arguments, folder, words)
            print("ok  " if wrong is None else "FAIL", ascii(" ".join(arguments)), wrong or "")
            failed += wrong is not None
    return 1 if failed else 0


sys.exit(main())
