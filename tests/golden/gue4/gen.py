#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""40 UDP flows over IPv4, three packets each, in turns."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
packets = [
    eth / IP(src=f"198.51.100.{i + 1}", dst="203.0.113.10", id=turn) / UDP(sport=5000 + i, dport=53) / (b"q" * i)
    for turn in range(3)
    for i in range(40)
]

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
