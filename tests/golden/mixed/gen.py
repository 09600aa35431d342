#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Good packets between all kinds of bad ones: one row and one reason each, flows undisturbed."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
client = "198.51.100.5"
web = IP(src=client, dst="203.0.113.10")
good = eth / web / TCP(sport=1111, dport=80, flags="S")


def cut(packet, length):
    """The frame's first bytes only."""
    return Ether(raw(packet)[:length])


bad = [
    eth / ARP(pdst="203.0.113.10"),
    eth / web / ICMP(),
    eth / IP(src=client, dst="203.0.113.99") / TCP(sport=1, dport=80, flags="S"),
    eth / web / TCP(sport=1, dport=81, flags="S"),
    eth / IP(src=client, dst="203.0.113.10", ttl=1) / TCP(sport=1, dport=80, flags="S"),
    eth / IP(src=client, dst="203.0.113.10", chksum=1) / TCP(sport=1, dport=80, flags="S"),
    eth / IP(src="127.0.0.1", dst="203.0.113.10") / TCP(sport=1, dport=80, flags="S"),
    eth / IP(src="224.0.0.1", dst="203.0.113.10") / TCP(sport=1, dport=80, flags="S"),
    eth / IP(src=client, dst="203.0.113.10", flags="MF") / TCP(sport=1, dport=80, flags="S"),
    eth / web / TCP(sport=1, dport=80, flags="SF"),
    eth / web / TCP(sport=1, dport=80, flags=""),
    eth / web / TCP(sport=0, dport=80, flags="S"),
    eth / web / TCP(sport=1, dport=80, flags="S", dataofs=4),
    eth / IP(src=client, dst="203.0.113.11") / UDP(sport=1, dport=9),
    eth / IP(src=client, dst="203.0.113.11") / UDP(sport=1, dport=9, len=4),
    eth / IP(src=client, dst="203.0.113.10", proto=47) / b"gre",
    cut(good, 20),
    cut(good, 40),
    cut(good, 14),
]
packets = [p for b in bad for p in (good, b)]

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
