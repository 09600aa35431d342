# SPDX-License-Identifier: BSD-3-Clause
"""Which backend a connection's slot belongs to, computed from configured weights alone by the tests' oracle, which was
written from docs/steering.md and shares no code with control."""
import ipaddress
import sys

from labkit.fleet import ROOT
from labkit.plan import VIP4, VIP_PORT

sys.path.append(str(ROOT / "tests" / "oracle"))
import flow_hash  # noqa: E402
import maglev  # noqa: E402

TABLE_SIZE = 8191  # the default for up to 10 backends
Endpoint = tuple[str, int]  # the client's address and port
Table = list[str | None]


def key_of(text: str) -> tuple[int, int]:
    """fleet.hash_key as two little-endian words."""
    raw = bytes.fromhex(text)
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")


def base_table(weights: dict[str, int], key: tuple[int, int], before: Table | None = None) -> Table:
    """The table of a pool that is up; `before`: that of the configuration before."""
    return maglev.build(weights, key, before, TABLE_SIZE)


def owner(table: Table, key: tuple[int, int], client: Endpoint) -> str | None:
    """The first candidate of a TCP connection to the vip."""
    message = (ipaddress.ip_address(client[0]).packed + ipaddress.ip_address(VIP4).packed + client[1].to_bytes(2, "big")
               + VIP_PORT.to_bytes(2, "big") + bytes([6]))
    return table[flow_hash.candidate_slot(flow_hash.siphash13(*key, message), 0, len(table))]
