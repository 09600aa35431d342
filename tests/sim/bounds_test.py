#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""adaptive keeps what docs/policies.md promises: the bounds of scripts/policies, on two seeds that nothing was chosen on.

usage: bounds_test.py FAIRLEAD_SIM SCRIPTS_POLICIES. The whole of it (five seeds, every load, 1000 backends) is scripts/policies itself.
"""
import subprocess
import sys
import tempfile


def main() -> int:
    with tempfile.TemporaryDirectory() as out:
        return subprocess.run([sys.argv[2], "--sim", sys.argv[1], "--out", out, "--first-seed", "9501", "--seeds", "2", "--jobs", "2", "--nice", "0",
                               "--only", "main,late,sticky,five-nodes,load-0.3,load-0.95"]).returncode


if __name__ == "__main__":
    sys.exit(main())
