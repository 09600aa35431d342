#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Connections seen from their beginning and in mid-life, over GUE, with every outer setting changed."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
packets = []
for port in range(4000, 4016):
    for vip in ("203.0.113.10", "203.0.113.11"):
        known = IP(src="198.51.100.7", dst=vip, tos=0xb9)
        unknown = IP(src="198.51.100.8", dst=vip, id=port)
        packets += [
            eth / known / TCP(sport=port, dport=80, flags="S", options=[("NOP", None), ("MSS", 1460)]),
            eth / known / TCP(sport=port, dport=80, flags="A"),
            eth / known / TCP(sport=port, dport=80, flags="PA") / b"a request",
            eth / unknown / TCP(sport=port, dport=80, flags="A"),
            eth / unknown / TCP(sport=port, dport=80, flags="PA") / b"odd",
        ]

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
