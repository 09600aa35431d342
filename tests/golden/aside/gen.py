#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fragments in all orders, ICMP errors about flows known and unknown, QUIC clients that move."""
import itertools
from pathlib import Path

from scapy.all import *  # noqa: F403

eth = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
client, client6 = "198.51.100.5", "2001:db8:c::5"
dns, web6, h3 = "203.0.113.10", "2001:db8:1::10", "203.0.113.11"
packets = []


def fragments(number, port, pieces=3):
    """A datagram of 8 + 24 * pieces - 8 bytes, cut by hand."""
    whole = raw(UDP(sport=port, dport=53, chksum=0) / (b"%08d" % number * (3 * pieces - 1)))
    size = len(whole) // pieces
    return [eth / IP(src=client, dst=dns, id=number, proto=17, frag=i * size // 8,
                     flags="MF" if i + 1 < pieces else 0) / whole[i * size:(i + 1) * size]
            for i in range(pieces)]


# Each flow has whole packets too: they and all fragments must come to one backend.
for number, order in enumerate(itertools.permutations(range(3)), start=1):
    whole = eth / IP(src=client, dst=dns) / UDP(sport=5000 + number, dport=53) / b"whole"
    pieces = fragments(number, 5000 + number)
    packets += [whole] + [pieces[i] for i in order] + [whole]
# Flows that begin with a fragment.
for number in range(20, 26):
    packets += fragments(number, 5000 + number)
    packets.append(eth / IP(src=client, dst=dns) / UDP(sport=5000 + number, dport=53) / b"whole")
# An orphan, a tiny one, one over 65535 bytes, one to another port.
packets += [fragments(90, 5090)[1],
            eth / IP(src=client, dst=dns, id=91, proto=17, flags="MF") / b"\x13\x88\x00\x35",
            eth / IP(src=client, dst=dns, id=92, proto=17, frag=8189) / (b"x" * 64),
            *[eth / p for p in fragment(IP(src=client, dst=dns, id=93) / UDP(sport=7, dport=99) / (b"y" * 40), 24)]]

# TCP over IPv6, then what routers say of the answers.
for port in range(6000, 6006):
    flow = eth / IPv6(src=client6, dst=web6)
    packets += [flow / TCP(sport=port, dport=80, flags="S"), flow / TCP(sport=port, dport=80, flags="A")]
    answer = IPv6(src=web6, dst=client6) / TCP(sport=80, dport=port, flags="A") / (b"z" * 100)
    router = eth / IPv6(src="2001:db8:99::1", dst=web6)
    packets += [router / ICMPv6PacketTooBig(mtu=1280) / answer,
                router / ICMPv6TimeExceeded() / raw(answer)[:48],
                router / ICMPv6DestUnreach() / raw(answer)[:47]]
for port in (5001, 5002, 7777):
    answer = IP(src=dns, dst=client, proto=17) / UDP(sport=53, dport=port) / b"answer"
    packets.append(eth / IP(src="192.0.2.99", dst=dns) / ICMP(type=3, code=3) / raw(answer)[:28])

# QUIC: a first packet with an id of the client's, then ids that name a server, from moving clients.
begin = bytes([0xC0, 0, 0, 0, 1, 8, 0xF3]) + b"anybody" + bytes(30)
packets.append(eth / IP(src=client, dst=h3) / UDP(sport=4433, dport=443) / begin)
for host, server_id in ((10, b"\x00\xa0\x01"), (11, b"\x00\xa0\x02"), (12, b"\x00\x02\x03"),
                        (13, b"\x40\x0a\x00\x02\x01"), (14, b"\x40\x0a\x00\x02\x03"), (15, b"\x00\xff\xff")):
    short = b"\x40" + server_id + b"nonce.." + bytes(20)
    for network in (100, 101):
        packets.append(eth / IP(src=f"198.51.{network}.{host}", dst=h3) / UDP(sport=4433, dport=443) / short)

for i, p in enumerate(packets):
    p.time = 1000 + i / 1000
wrpcap(str(Path(__file__).parent / "send.pcap"), packets)
