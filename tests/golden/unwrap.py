# SPDX-License-Identifier: BSD-3-Clause
"""An independent look at a replay's output: takes every tunnel off with scapy and compares.

Knows nothing of how a backend is chosen, only what must hold: each forwarded packet, unwrapped, is
the sent packet with one hop less to live, and went to the address of the backend its row names.
"""
from __future__ import annotations

import csv
from pathlib import Path

import yaml
from scapy.all import IP, UDP, Ether, IPv6, raw, rdpcap  # type: ignore[import]

GUE_PORT = 19523


def check(config: Path, sent: Path, out: Path, rows: Path) -> None:
    settings = yaml.safe_load(config.read_text())
    vips = {v["name"]: v for v in settings["vips"]}
    addresses = {(v["name"], b["id"]): str(b["address"]) for v in vips.values() for b in v["backends"]}
    packets = rdpcap(str(sent))
    forwarded = list(rdpcap(str(out)))  # in order, but for fragments that waited for their first one
    decisions = list(csv.DictReader(rows.open()))
    assert len(decisions) == len(packets), f"{len(decisions)} rows for {len(packets)} packets"
    for number, (packet, row) in enumerate(zip(packets, decisions), start=1):
        assert int(row["packet"]) == number
        assert (row["reason"] == "") == (row["verdict"] == "forward"), row
        if row["verdict"] != "forward":
            continue
        vip = vips[row["vip"]]
        expected = one_hop_less(packet)
        at = next((i for i, got in enumerate(forwarded) if raw(got).find(expected) >= 0), None)
        assert at is not None, f"packet {number} is not what was sent"
        got = forwarded.pop(at)
        inner = got.payload if vip["encapsulation"] == "l2" else unwrapped(
            got, vip["encapsulation"], settings["node"], addresses[row["vip"], row["backend_id"]])
        assert raw(inner) == expected, f"packet {number} is not what was sent"
    assert not forwarded, "more packets than rows that say forward"


def unwrapped(got, encapsulation, node, backend):
    """What is inside the tunnel, after a look at the outer headers."""
    outer = got[IPv6] if got.type == 0x86DD else got[IP]
    family6 = isinstance(outer, IPv6)
    assert outer.dst == backend, (outer.dst, backend)
    assert outer.src == node["address6" if family6 else "address"], outer.src
    if not family6:
        checked = IP(raw(outer)[:20])
        del checked.chksum
        assert IP(raw(checked)).chksum == outer.chksum, "outer header checksum"
        assert outer.len == len(raw(outer)), "outer length"
    else:
        assert outer.plen == len(raw(outer)) - 40, "outer length"
    body = raw(outer)[40 if family6 else outer.ihl * 4:]
    if encapsulation == "gue":
        udp = UDP(body)
        assert udp.dport == GUE_PORT and udp.len == len(body), (udp.dport, udp.len)
        words = body[8] & 0x1F  # GUE's header length, RFC draft-ietf-intarea-gue
        body = body[8 + 4 + 4 * words:]
    return IPv6(body) if body[0] >> 4 == 6 else IP(body)


def one_hop_less(packet) -> bytes:
    """The IP packet as sent, without padding, with TTL or hop limit one lower."""
    ip = packet.getlayer(IPv6) or packet.getlayer(IP)
    if isinstance(ip, IPv6):
        data = bytearray(raw(ip)[:40 + ip.plen])
        data[7] -= 1
        return bytes(data)
    data = bytearray(raw(ip)[:ip.len])
    data[8] -= 1
    header = IP(bytes(data[:ip.ihl * 4]))
    del header.chksum
    return raw(header)[:ip.ihl * 4] + bytes(data[ip.ihl * 4:])
