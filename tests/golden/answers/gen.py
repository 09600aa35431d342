#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Packets around the largest size that fits (MTU 1400), and pings: what the node answers itself."""
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
tagged = eth / Dot1Q(vlan=7)
ack = TCP(sport=4000, dport=80, flags="A")


def v4(to, body, **fields):
    """A packet of the client."""
    return IP(src="198.51.100.7", dst=to, **fields) / body


def v6(to, body):
    """The same over IPv6."""
    return IPv6(src="2001:db8:c::7", dst=to) / body


def fill(packet, size):
    """The IP packet with payload up to `size` bytes."""
    return packet / bytes(i % 251 for i in range(size - len(raw(packet))))


packets = [
    eth / fill(v4("203.0.113.10", ack, flags="DF"), 1380),
    eth / fill(v4("203.0.113.10", ack, flags="DF"), 1381),
    eth / fill(v4("203.0.113.10", UDP(sport=4000, dport=53), id=77), 1400),
    tagged / fill(v4("203.0.113.10", ack, flags="DF"), 1376),
    tagged / fill(v4("203.0.113.10", ack, flags="DF"), 1377),
    eth / fill(v4("203.0.113.11", ack, flags="DF"), 1361),
    eth / fill(v4("203.0.113.12", ack, flags="DF"), 1365),
    eth / fill(v6("2001:db8:5::10", ack), 1360),
    eth / fill(v6("2001:db8:5::10", ack), 1361),
    eth / v4("203.0.113.10", ICMP(id=9, seq=3) / b"are you there", id=5),
    tagged / v4("203.0.113.12", ICMP(id=9, seq=4), ttl=1),
    eth / v6("2001:db8:5::10", ICMPv6EchoRequest(id=9, seq=5, data=b"odd")),
    eth / v4("203.0.113.13", ICMP(id=9, seq=6)),
    eth / v4("192.0.2.11", ICMP(id=9, seq=7)),
]

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
