#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Weighted Maglev tables, written from docs/steering.md sections 2 and 3, against the C++ builder.

usage: maglev.py PROGRAM   (tests/oracle/maglev_print: chains of pools on stdin, whole tables on stdout)

A chain is a list of pools with one table size: the first table is built from nothing, each next one from the table before.
"""
import random
import subprocess
import sys
from fractions import Fraction

from flow_hash import siphash13

TRIES = 256
Pool = dict[str, int]  # id -> weight


def targets_of(pool: Pool, ident: dict[str, int], prev: dict[str, int] | None, m: int) -> dict[str, int]:
    total = sum(pool.values())
    active = [b for b, w in pool.items() if w > 0]
    whole = {b: pool[b] * m // total for b in active}
    rest = {b: pool[b] * m % total for b in active}
    target = {}
    for b in active:
        t = whole[b] if prev is None else prev.get(b, 0)
        t = max(t, whole[b])
        t = min(t, whole[b] + (1 if rest[b] > 0 else 0))
        target[b] = max(t, 1)
    d = m - sum(target.values())
    if d > 0:
        order = sorted((b for b in active if target[b] == whole[b]), key=lambda b: (-rest[b], ident[b]))
        for b in order[:d]:
            target[b] += 1
    elif d < 0:
        order = sorted((b for b in active if target[b] == whole[b] + 1 and whole[b] > 0), key=lambda b: (rest[b], ident[b]))
        for b in order[:-d]:
            target[b] -= 1
        while sum(target.values()) > m:
            payer = min((b for b in active if target[b] > 1), key=lambda b: (-Fraction(target[b] - 1, pool[b]), ident[b]))
            target[payer] -= 1
    return target


def build(pool: Pool, key: tuple[int, int], previous: list[str | None] | None, m: int) -> list[str | None]:
    if not any(pool.values()):
        return []
    previous = previous or None  # a table without slots is no previous table
    ident = {b: siphash13(key[0], key[1], b.encode()) for b in pool}
    prev = None
    if previous is not None:
        prev = {b: 0 for b in pool}
        for owner in previous:
            if owner in prev:
                prev[owner] += 1
    target = targets_of(pool, ident, prev, m)
    had = prev or {}
    lack = {b: target[b] - had.get(b, 0) for b in target if target[b] > had.get(b, 0)}
    surplus = {b: had[b] - target.get(b, 0) for b in had}
    slots: list[str | None] = [None] * m if previous is None else [o if o in pool else None for o in previous]
    if not lack:
        return slots
    order = sorted(lack, key=lambda b: ident[b])
    rounds = (sum(lack.values()) + len(lack) - 1) // len(lack)
    credit = {b: rounds // 2 for b in order}
    offset = {b: ((ident[b] >> 32) * m) >> 32 for b in order}
    skip = {b: 1 + (((ident[b] % 2**32) * (m - 1)) >> 32) for b in order}

    def may_take(p: int) -> bool:
        owner = slots[p]
        return owner is None or surplus.get(owner, 0) > 0

    def take(b: str) -> None:
        found = None
        for _ in range(TRIES):
            p = offset[b]
            offset[b] = (p + skip[b]) % m
            if may_take(p):
                found = p
                break
        if found is None:
            found = offset[b]
            offset[b] = (found + skip[b]) % m
            while not may_take(found):
                found = (found + 1) % m
        owner = slots[found]
        if owner is not None:
            surplus[owner] -= 1
        slots[found] = b

    for _ in range(rounds):
        for b in order:
            credit[b] += lack[b]
            while credit[b] >= rounds:
                credit[b] -= rounds
                take(b)
    return slots


def chains() -> list[tuple[int, list[Pool]]]:
    rng = random.Random(7)
    result: list[tuple[int, list[Pool]]] = []
    for m, n, most in [(251, 2, 3), (251, 100, 100), (1021, 7, 10000), (4093, 40, 100), (16381, 150, 10000), (65537, 10, 1000)]:
        pool = {f"backend-{i}": rng.randint(1, most) for i in range(n)}
        chain = [dict(pool)]
        for step in range(4):
            for b in rng.sample(sorted(pool), max(1, n // 5)):
                pool[b] = rng.choice([0, rng.randint(1, most), pool[b]])
            if step == 2:
                pool.pop(sorted(pool)[0])
                pool[f"joined-{m}"] = most
            chain.append(dict(pool))
        result.append((m, chain))
    result.append((65537, [{f"10.0.{i // 256}.{i % 256}": rng.randint(1, 100) for i in range(1000)}]))
    result.append((1021, [{f"b{i}": (10000 if i < 2 else 1) for i in range(500)}]))  # many shares below one slot
    result.append((251, [{"only": 1}, {"only": 0}]))
    return result


def main() -> int:
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    given = []
    expected: list[str] = []
    for m, chain in chains():
        given.append(f"chain {m} {key[0]} {key[1]}")
        previous = None
        for pool in chain:
            given.append("pool " + " ".join(f"{b}={w}" for b, w in pool.items()))
            previous = build(pool, key, previous, m)
            expected.append(" ".join(str(o) for o in previous))
    done = subprocess.run([sys.argv[1]], input="\n".join(given) + "\n", capture_output=True, text=True, check=True, timeout=120)
    got = done.stdout.splitlines()
    if len(got) != len(expected):
        print(f"{len(got)} tables for {len(expected)} pools")
        return 1
    for n, (want, have) in enumerate(zip(expected, got)):
        if want != have:
            differ = sum(a != b for a, b in zip(want.split(), have.split()))
            print(f"table {n}: {differ} slots differ from the document (sizes {len(want.split())}, {len(have.split())})")
            return 1
    print(f"{len(expected)} tables agree in every slot")
    return 0


if __name__ == "__main__":
    sys.exit(main())
