#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""24 TCP connections over IPv4: handshake, data, VLAN tags, IP options, padding, FIN."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
packets = []
for i in range(24):
    ip = IP(src=f"198.51.100.{i + 1}", dst="203.0.113.10", ttl=64 - i, tos=i * 4, id=i)
    ports = {"sport": 1024 + i, "dport": 80}
    packets += [
        eth / ip / TCP(flags="S", seq=100, **ports),
        eth / ip / TCP(flags="A", seq=101, ack=1, **ports),
        eth / ip / TCP(flags="PA", seq=101, ack=1, **ports) / (b"GET / " * (i + 1)),
    ]
packets += [
    eth / Dot1Q(vlan=7) / IP(src="198.51.100.99", dst="203.0.113.10") / TCP(sport=7, dport=80, flags="S"),
    eth / IP(src="198.51.100.98", dst="203.0.113.10", options=[IPOption(b"\x94\x04\0\0")])
    / TCP(sport=8, dport=80, flags="S"),
    eth / IP(src="198.51.100.97", dst="203.0.113.10") / TCP(sport=9, dport=80, flags="S") / Padding(b"\0" * 6),
    eth / IP(src="198.51.100.1", dst="203.0.113.10") / TCP(sport=1024, dport=80, flags="FA", seq=200),
    eth / IP(src="198.51.100.1", dst="203.0.113.10") / TCP(sport=1024, dport=80, flags="A", seq=201),
]

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
