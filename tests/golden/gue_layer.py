# SPDX-License-Identifier: BSD-3-Clause
"""GUE with a hop list as scapy layers: for checks here, and for looking at captures by hand.

    >>> from gue_layer import GUE; from scapy.all import *; rdpcap("out.pcap")[0].show()
"""
from __future__ import annotations

from scapy.all import (  # type: ignore[import]
    IP,
    UDP,
    BitField,
    ByteEnumField,
    ByteField,
    ConditionalField,
    FieldListField,
    IP6Field,
    IPField,
    IPv6,
    Packet,
    ShortField,
    bind_layers,
)

PORT = 19523


class GUE(Packet):
    """Variant 0; private data as docs/wire-format.md has it."""

    name = "GUE"
    fields_desc = [
        BitField("version", 0, 2),
        BitField("control", 0, 1),
        BitField("hlen", 0, 5),
        ByteEnumField("protocol", 4, {4: "IPv4", 41: "IPv6"}),
        ShortField("flags", 0),
        ConditionalField(ShortField("type", 0), lambda p: p.hlen > 0),
        ConditionalField(ByteField("next_hop", 0), lambda p: p.hlen > 0),
        ConditionalField(ByteField("hop_count", 0), lambda p: p.hlen > 0),
        ConditionalField(
            FieldListField("hops", [], IPField("", "0.0.0.0"), count_from=lambda p: p.hop_count),
            lambda p: p.hlen > 0 and p.type == 0),
        ConditionalField(
            FieldListField("hops6", [], IP6Field("", "::"), count_from=lambda p: p.hop_count),
            lambda p: p.hlen > 0 and p.type == 1),
    ]

    def guess_payload_class(self, payload):
        return IPv6 if self.protocol == 41 else IP

    def all_hops(self) -> list[str]:
        """Of either family; checks that hlen agrees."""
        if self.hlen == 0:
            return []
        hops = self.hops if self.type == 0 else self.hops6
        assert self.hlen == 1 + len(hops) * (1 if self.type == 0 else 4), "hlen and hop_count differ"
        assert self.next_hop == 0, "a node names the first hop"
        return list(hops)


bind_layers(UDP, GUE, dport=PORT)
