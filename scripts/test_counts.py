#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts test cases in a JUnit file as Meson writes it; the last line is 'N passed, N failed, N skipped'.

usage: test_counts.py FILE.xml
"""
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") == "notrun":
        return "skipped"
    return "passed"


def main() -> int:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for suite in ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            result = outcome(case)
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
