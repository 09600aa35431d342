#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/wireshark/fairlead.lua reads golden captures as scapy's layer does; skipped where there is no tshark.

Usage: dissector_test.py ROOT
"""
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from gue_layer import GUE
from scapy.all import UDP, IPv6, rdpcap  # type: ignore[import]

FIELDS = ["fairlead.version", "fairlead.control", "fairlead.hlen", "fairlead.protocol", "fairlead.flags", "fairlead.type",
          "fairlead.next_hop", "fairlead.hop_count", "fairlead.hop", "fairlead.hop6"]


def by_tshark(root: Path, capture: Path) -> list[list[str]]:
    options = [word for field in [*FIELDS, "ip.src", "ipv6.src"] for word in ("-e", field)]
    run = subprocess.run(
        ["tshark", "-X", f"lua_script:{root}/scripts/wireshark/fairlead.lua", "-r", str(capture), "-Y", "fairlead",
         "-T", "fields", *options], check=True, capture_output=True, text=True, timeout=60)
    assert "rror" not in run.stderr, run.stderr
    return [line.split("\t") for line in run.stdout.splitlines()]


def by_scapy(capture: Path) -> list[list[str]]:
    rows = []
    for packet in rdpcap(str(capture)):
        if UDP not in packet or GUE not in packet:
            continue
        gue = packet[GUE]
        private = ([gue.type, gue.next_hop, gue.hop_count] if gue.hlen else ["", "", ""])
        hops4 = ",".join(gue.hops) if gue.hlen and gue.type == 0 else ""
        hops6 = ",".join(gue.hops6) if gue.hlen and gue.type == 1 else ""
        sources: dict[bool, list[str]] = {True: [], False: []}
        for ip in (packet.payload, gue.payload):  # outside and inside: the inner packet is dissected too
            while ip.name not in ("IP", "IPv6"):
                ip = ip.payload
            sources[isinstance(ip, IPv6)].append(ip.src)
        rows.append([str(v) for v in (gue.version, gue.control, gue.hlen, gue.protocol, f"0x{gue.flags:04x}", *private, hops4,
                                      hops6, ",".join(sources[False]), ",".join(sources[True]))])
    return rows


def main() -> int:
    root = Path(sys.argv[1])
    if not shutil.which("tshark"):
        print("SKIP: tshark is not installed (Debian package tshark)")
        return 77
    seen = {"hops": 0, "hops6": 0, "none": 0}
    for name in ("gue4", "seeking", "mixed", "aside"):
        capture = root / "tests/golden" / name / "expect.pcap"
        got, expected = by_tshark(root, capture), by_scapy(capture)
        assert len(got) == len(expected), f"{name}: tshark sees {len(got)} GUE packets, scapy {len(expected)}"
        for number, (a, b) in enumerate(zip(got, expected), start=1):
            # Addresses as a beginning: tshark also says those of routing headers and of packets that ICMP quotes.
            same = a[:-2] == b[:-2] and all(x.startswith(y) for x, y in zip(a[-2:], b[-2:]))
            assert same, f"{name}: GUE packet {number}\n tshark {a}\n scapy  {b}"
            seen["hops" if b[8] else "hops6" if b[9] else "none"] += 1
    assert all(seen.values()), f"the captures lack a kind of header: {seen}"
    return 0


sys.exit(main())
