#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks what formatters do not: licence line, purpose line, file and line length, include guards.

usage: check_style.py REPOSITORY; prints one line per violation, exit status 1 if there is any.
"""
import re
import sys
from pathlib import Path

LONGEST_FILE = 400
LONGEST_LINE = 100
VAGUE = re.compile(r"(manager|helper|util|common|handler)", re.IGNORECASE)


def check(path: Path, name: str) -> list[str]:
    lines = path.read_text().splitlines()
    found = []
    head = lines[1] if lines and lines[0].startswith("#!") and len(lines) > 1 else (lines[0] if lines else "")
    if "SPDX-License-Identifier:" not in head:
        found.append(f"{name}:1: first line must be the SPDX licence identifier")
    if len(lines) > LONGEST_FILE:
        found.append(f"{name}: {len(lines)} lines, at most {LONGEST_FILE}: split it by purpose")
    if path.suffix == ".hh" and "#pragma once" not in lines:
        found.append(f"{name}: header without #pragma once")
    if VAGUE.search(path.stem):
        found.append(f"{name}: say what the file does instead of '{path.stem}'")
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE and "http" not in line and path.suffix != ".py":
            found.append(f"{name}:{number}: {len(line)} columns, at most {LONGEST_LINE}")
        if line != line.rstrip():
            found.append(f"{name}:{number}: trailing space")
    return found


def main() -> int:
    root = Path(sys.argv[1])
    found = []
    for top in ("dataplane", "control", "ebpf", "tests", "scripts"):
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and path.suffix in (".cc", ".hh", ".h", ".c", ".py"):
                found += check(path, path.relative_to(root).as_posix())
    print("\n".join(found) if found else "style: no violation")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
