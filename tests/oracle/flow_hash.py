#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Flow hash and candidate slots, written from docs/steering.md sections 1 and 2, against the C code.

usage: flow_hash.py PROGRAM   (tests/oracle/flow_hash_print: tuples on stdin, results on stdout)
"""
import random
import subprocess
import sys

MASK = (1 << 64) - 1
MULTIPLIERS = [1, 0x6A09E667F3BCC909, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B]


def rotl(x: int, n: int) -> int:
    return ((x << n) | (x >> (64 - n))) & MASK


def siphash13(k0: int, k1: int, message: bytes) -> int:
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def sip_round() -> None:
        v[0] = (v[0] + v[1]) & MASK
        v[1] = rotl(v[1], 13) ^ v[0]
        v[0] = rotl(v[0], 32)
        v[2] = (v[2] + v[3]) & MASK
        v[3] = rotl(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & MASK
        v[3] = rotl(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & MASK
        v[1] = rotl(v[1], 17) ^ v[2]
        v[2] = rotl(v[2], 32)

    whole = len(message) // 8 * 8
    words = [int.from_bytes(message[i:i + 8], "little") for i in range(0, whole, 8)]
    words.append(int.from_bytes(message[whole:], "little") | (len(message) % 256) << 56)
    for word in words:
        v[3] ^= word
        sip_round()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        sip_round()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def candidate_slot(flow_hash: int, candidate: int, size: int) -> int:
    mixed = (flow_hash * MULTIPLIERS[candidate]) & MASK
    return ((mixed >> 32) * size) >> 32


def main() -> int:
    rng = random.Random(20261122)
    lines = []
    expected = []
    for i in range(2000):
        k0, k1 = rng.getrandbits(64), rng.getrandbits(64)
        length = 4 if i % 2 == 0 else 16
        source, destination = rng.randbytes(length), rng.randbytes(length)
        sport, dport, protocol = rng.randrange(65536), rng.randrange(65536), rng.choice([6, 17])
        size = rng.choice([251, 65537, 131101, 1048583])
        message = source + destination + sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + bytes([protocol])
        h = siphash13(k0, k1, message)
        slots = [candidate_slot(h, c, size) for c in range(4)]
        lines.append(f"{k0} {k1} {source.hex()} {destination.hex()} {sport} {dport} {protocol} {size}")
        expected.append(" ".join(str(n) for n in [h, *slots]))
    done = subprocess.run([sys.argv[1]], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True, timeout=60)
    got = done.stdout.splitlines()
    for line, want, have in zip(lines, expected, got):
        if want != have:
            print(f"tuple {line}:\n  document {want}\n  program  {have}")
            return 1
    if len(got) != len(expected):
        print(f"{len(got)} results for {len(expected)} tuples")
        return 1
    print(f"{len(expected)} tuples agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
