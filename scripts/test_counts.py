#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts test cases in a JUnit file as Meson writes it; the last line is 'N passed, N failed, N skipped'.

usage: test_counts.py FILE.xml
"""
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


# What a test printed is part of the file as it was, control characters too, which XML 1.0 does not allow.
FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:[0-8]|1[124-9]|2[0-9]|3[01]|x[0-8bcBC]|x0?[eEfF]|x1[0-9a-fA-F]);")


def cases_of(file: str) -> ElementTree.Element:
    with open(file, "rb") as junit:
        text = FORBIDDEN.sub(b"?", junit.read())
    return ElementTree.fromstring(text.decode(errors="replace").encode())


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") == "notrun":
        return "skipped"
    return "passed"


def not_ended(file: str) -> set[str]:
    """Tests that ran into their time limit or were interrupted: in Meson's JUnit file they look passed, so its log is asked."""
    log = Path(file.removesuffix(".junit.xml") + ".json")
    if not log.exists():
        return set()
    entries = [json.loads(line) for line in log.read_text(errors="replace").splitlines() if line]
    return {entry["name"] for entry in entries if entry["result"] in ("TIMEOUT", "INTERRUPT")}


def main() -> int:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    unfinished = not_ended(sys.argv[1])
    for suite in cases_of(sys.argv[1]).iter("testsuite"):
        for case in suite.findall("testcase"):
            result = "failed" if case.get("name") in unfinished else outcome(case)
            counts[result] += 1
            if result == "failed":
                print(f"failed: {suite.get('name')}: {case.get('name')}")
        # A program that died before it could write its cases has none; Meson counts it on the suite.
        if not suite.findall("testcase") and int(suite.get("errors", "0")) + int(suite.get("failures", "0")):
            counts["failed"] += 1
            print(f"failed: {suite.get('name')}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
