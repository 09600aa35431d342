#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""UDP to any address of a /28 and any port, forwarded with new MAC addresses only."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
packets = [
    eth / IP(src="198.51.100.7", dst=f"203.0.113.{i}") / UDP(sport=4000, dport=9000 + i) / b"hello"
    for i in range(1, 16)
] * 2

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
