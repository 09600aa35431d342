#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bad arguments of the lab's programs: one line, exit status 2.

usage: bad_arguments_test.py LAB_SERVER LAB_LOAD
"""
import subprocess
import sys

SERVER = ["", "--id", "--id a --cores 0", "--id a --cores x", "--id a --speed nan", "--id a --speed 0", "--id a --sigma inf",
          "--id a --mean-ms -1", "--id a --distribution normal", "--id a --listen nowhere", "--id a --concurrency 1e9",
          "--id a\x1b[2J", "--id a --drift-phase 2", "--id a extra"]
LOAD = ["", "--target", "--target nowhere", "--target 127.0.0.1:80 --rate nan", "--target 127.0.0.1:80 --rate 0",
        "--target 127.0.0.1:80 --seconds inf", "--target 127.0.0.1:80 --timeout -1", "--target 127.0.0.1:80 --arrivals now",
        "--target 127.0.0.1:80 --v6-share 2", "--target 127.0.0.1:80 --source-count 0", "--target 127.0.0.1:80 --seed x",
        "--target 127.0.0.1:80 --source4 300.1.1.1", "--target 127.0.0.1:80 --csv /nonexistent/x.csv"]


def main() -> int:
    wrong = 0
    for program, lines in ((sys.argv[1], SERVER), (sys.argv[2], LOAD)):
        for line in lines:
            done = subprocess.run([program, *line.split()], capture_output=True, text=True, timeout=20, check=False)
            told = done.stderr
            good = done.returncode == 2 and told.count("\n") == 1 and told[:-1].isprintable()
            print("ok  " if good else "FAIL", program.rsplit("/", 1)[-1], repr(line), "" if good else f"{done.returncode}: {told}")
            wrong += not good
    return 1 if wrong else 0


sys.exit(main())
