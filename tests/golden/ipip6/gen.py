#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""30 TCP connections over IPv6 to backends of both families, with a hop-by-hop header among them."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
packets = []
for i in range(30):
    ip = IPv6(src=f"2001:db8:c::{i + 1:x}", dst="2001:db8:f::10", hlim=64, tc=i, fl=i)
    ports = {"sport": 2048 + i, "dport": 443}
    packets += [
        eth / ip / TCP(flags="S", **ports),
        eth / ip / TCP(flags="A", **ports),
        eth / ip / TCP(flags="PA", **ports) / (b"x" * i * 40),
    ]
hop = IPv6(src="2001:db8:c::ff", dst="2001:db8:f::10") / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")])
packets.append(eth / hop / TCP(sport=1, dport=443, flags="S"))

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
