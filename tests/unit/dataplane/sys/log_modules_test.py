#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The modules that `set log` knows are the folders whose files log something.

usage: log_modules_test.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
LINE = re.compile(r"\blog_(?:error|warn|info|debug)\(")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[1] if len(parts) > 2 else parts[0]


def main() -> int:
    header = (ROOT / "dataplane/sys/log_modules.hh").read_text()
    known = re.findall(r'"([a-z_]+)"', header.split("kLogModules", 1)[1])
    files = [f for top in ("control", "dataplane", "ebpf") for f in (ROOT / top).rglob("*.cc")]
    log = {module_of(f) for f in files if LINE.search(f.read_text())}
    if known == sorted(log):
        return 0
    print(f"kLogModules has {known}, these log: {sorted(log)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
