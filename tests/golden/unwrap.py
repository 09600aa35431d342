# SPDX-License-Identifier: BSD-3-Clause
"""An independent look at a replay's output: takes every tunnel off with scapy and compares.

Knows nothing of how a backend is chosen, only what must hold: each forwarded packet, unwrapped, is
the sent packet with one hop less to live, and went to the address of the backend its row names.
"""
from __future__ import annotations

import csv
import ipaddress
from pathlib import Path

import yaml
from gue_layer import GUE
from scapy.all import ICMP, IP, TCP, UDP, Ether, ICMPv6EchoReply, ICMPv6PacketTooBig, IPv6, raw, rdpcap  # type: ignore[import]


def check(config: Path, sent: Path, out: Path, rows: Path, answers: Path, mtu: int) -> None:
    settings = yaml.safe_load(config.read_text())
    vips = {v["name"]: v for v in settings["vips"]}
    addresses = {(v["name"], b["id"]): str(b["address"]) for v in vips.values() for b in v["backends"]}
    packets = rdpcap(str(sent))
    forwarded = list(rdpcap(str(out)))  # in order, but for fragments that waited for their first one
    answered = iter(rdpcap(str(answers)))
    decisions = list(csv.DictReader(rows.open()))
    assert len(decisions) == len(packets), f"{len(decisions)} rows for {len(packets)} packets"
    begun: set[str] = set()
    for number, (packet, row) in enumerate(zip(packets, decisions), start=1):
        assert int(row["packet"]) == number
        assert (row["reason"] == "") == (row["verdict"] == "forward"), row
        if row["reason"] in ("echo", "too_big"):
            check_answer(next(answered), packet, row, vips, mtu)
        if row["verdict"] != "forward":
            continue
        vip = vips[row["vip"]]
        expected = one_hop_less(packet, vip.get("mss", "off"))
        at = next((i for i, got in enumerate(forwarded) if raw(got).find(expected) >= 0), None)
        assert at is not None, f"packet {number} is not what was sent"
        got = forwarded.pop(at)
        inner = got.payload if vip.get("encapsulation", "ipip") == "l2" else unwrapped(
            got, vip, settings, addresses[row["vip"], row["backend_id"]])
        if TCP in packet and "S" in packet[TCP].flags:
            begun.add(row["flow"])
        if vip.get("encapsulation", "ipip") == "gue":
            check_hops(got, row, vip, row["flow"] in begun or UDP in packet)
        assert raw(inner) == expected, f"packet {number} is not what was sent"
    assert not forwarded, "more packets than rows that say forward"
    assert next(answered, None) is None, "more answers than rows that have one"


def check_hops(got, row, vip, seen_from_the_beginning: bool) -> None:
    """A connection whose beginning was not seen asks other backends of its pool, each once."""
    outer = got[IPv6] if got.type == 0x86DD else got[IP]
    hops = got[GUE].all_hops()
    pool = {str(b["address"]) for b in vip["backends"]}
    assert outer.dst not in hops and len(set(hops)) == len(hops) and set(hops) <= pool, (row, hops)
    assert not (seen_from_the_beginning and hops), (row, hops)
    choices = vip.get("choices", 3)
    slots = choices if ":" in outer.dst else {1: 1, 2: 3, 3: 5, 4: 5}[choices]  # with the reserves
    assert len(hops) <= 2 * slots - 1, "more hops than the MTU is reckoned with"


def checked(packet_bytes: bytes):
    """The same packet with every checksum made anew."""
    packet = (IPv6 if packet_bytes[0] >> 4 == 6 else IP)(packet_bytes)
    for layer in packet.layers():
        for field in ("chksum", "cksum"):
            if field in packet[layer].fields:
                del packet[layer].fields[field]
        if layer not in (IP, IPv6):
            break  # what an error quotes stays as it was
    return raw(packet)


def check_answer(got, packet, row, vips, mtu) -> None:
    """Goes back the way the packet came, from the vip, with right checksums, and says the right thing."""
    assert (got.dst, got.src) == (packet.src, "02:f1:00:00:00:01"), "layer 2"
    tags = len(raw(packet)) - len(raw(packet.getlayer(IPv6) or packet.getlayer(IP))) - 14
    ip, asked = (p.getlayer(IPv6) or p.getlayer(IP) for p in (got, packet))
    assert raw(got)[12:12 + tags] == raw(packet)[12:12 + tags], "VLAN tags"
    assert (ip.src, ip.dst) == (asked.dst, asked.src), "addresses"
    assert checked(raw(ip)) == raw(ip), "checksums"
    six = isinstance(ip, IPv6)
    if row["reason"] == "echo":
        reply = ip[ICMPv6EchoReply] if six else ip[ICMP]
        assert reply.type == (129 if six else 0)
        assert raw(ip.payload)[4:] == raw(asked.payload)[4:], "identifier, sequence or payload"
        return
    vip = vips[row["vip"]]
    over6 = ":" in str(vip["backends"][0]["address"])
    outer = (40 if over6 else 20) + (20 if vip.get("encapsulation", "ipip") == "gue" else 0)  # one hop over IPv4
    said = ip[ICMPv6PacketTooBig].mtu if six else ip[ICMP].nexthopmtu
    assert said == mtu - outer - tags, (row, said)
    quoted = raw(ip)[48 if six else 28:]
    assert quoted == raw(asked)[:len(quoted)] and len(raw(ip)) == (1280 if six else 576), "quote"


def unwrapped(got, vip, settings, backend):
    """What is inside the tunnel, after a look at the outer headers."""
    outer = got[IPv6] if got.type == 0x86DD else got[IP]
    family6 = isinstance(outer, IPv6)
    tunnel = settings.get("tunnel", {})
    assert outer.dst == backend, (outer.dst, backend)
    own = tunnel.get("source6" if family6 else "source", settings["node"].get("address6" if family6 else "address"))
    assert ipaddress.ip_address(outer.src) in ipaddress.ip_network(own), outer.src
    assert (outer.hlim if family6 else outer.ttl) == tunnel.get("ttl", 64)
    if not family6:
        header = IP(raw(outer)[:20])
        del header.chksum
        assert IP(raw(header)).chksum == outer.chksum, "outer header checksum"
        assert outer.len == len(raw(outer)), "outer length"
    else:
        assert outer.plen == len(raw(outer)) - 40, "outer length"
    body = raw(outer)[40 if family6 else outer.ihl * 4:]
    if vip.get("encapsulation", "ipip") == "gue":
        udp = UDP(body)
        assert udp.len == len(body), udp.len
        if tunnel.get("udp_checksum") == "inner":
            again = outer.copy()
            del again[UDP].chksum
            assert udp.chksum not in (0, None) and type(outer)(raw(again))[UDP].chksum == udp.chksum, "UDP checksum"
        else:
            assert udp.chksum == 0
        body = raw(got[GUE].payload)
    inner = IPv6(body) if body[0] >> 4 == 6 else IP(body)
    classes = [p.tc if isinstance(p, IPv6) else p.tos for p in (outer, inner)]
    assert classes[0] == (tunnel["dscp"] << 2 | classes[1] & 3 if "dscp" in tunnel else classes[1]), classes
    return inner


def one_hop_less(packet, mss) -> bytes:
    """The IP packet as sent, without padding, with TTL or hop limit one lower, and a SYN's MSS limited."""
    ip = packet.getlayer(IPv6) or packet.getlayer(IP)
    if mss != "off" and TCP in ip and "S" in ip[TCP].flags:
        options = [(k, min(v, mss) if k == "MSS" else v) for k, v in ip[TCP].options]
        ip = ip.copy()
        ip[TCP].options = options
        del ip[TCP].chksum, ip.chksum
        ip = IP(raw(ip))
    if isinstance(ip, IPv6):
        data = bytearray(raw(ip)[:40 + ip.plen])
        data[7] -= 1
        return bytes(data)
    data = bytearray(raw(ip)[:ip.len])
    data[8] -= 1
    header = IP(bytes(data[:ip.ihl * 4]))
    del header.chksum
    return raw(header)[:ip.ihl * 4] + bytes(data[ip.ihl * 4:])
