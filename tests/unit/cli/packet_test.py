#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The program against a daemon of canned replies: captures, traces, expectations, files within files.

Usage: packet_test.py FAIRLEAD
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fake_daemon import FakeNode  # noqa: E402

PROGRAM = os.path.abspath(sys.argv.pop(1))


class PacketTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fairlead-cli-")
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        self.node = FakeNode(str(self.root / "lb1"))
        self.addCleanup(self.node.stop.set)

    def run_cli(self, *words):
        """Exit status, standard output, standard error."""
        done = subprocess.run(
            [PROGRAM, "--runtime-dir", str(self.root / "lb1"), *words], capture_output=True, text=True, timeout=20,
            check=False, cwd=self.root, env={**os.environ, "FAIRLEAD_SOCKET": ""})
        return done.returncode, done.stdout, done.stderr

    def test_a_capture_is_asked_for_with_an_absolute_file(self):
        self.assertEqual(self.run_cli("capture start file d.pcapng drop match 'tcp dport 80' limit 500")[0], 0)
        self.assertEqual(self.node.requests[-1], {"command": "capture start", "arguments": {
            "file": str(self.root / "d.pcapng"), "what": "drop", "match": "tcp dport 80", "limit": 500}})
        self.assertIn("capture at work: 17 of 500 packets in /tmp/drops.pcapng, 2 not noted", self.run_cli("show capture")[1])
        self.assertIn("OK 17 of 500 packets", self.run_cli("capture stop")[1])
        self.assertEqual(self.run_cli("capture start file d.pcapng both")[0], 2)

    def test_a_trace_is_told_stage_by_stage(self):
        status, out, _ = self.run_cli("trace next 1 match 'tcp dport 80' for 30s")
        self.assertEqual(status, 0)
        self.assertEqual(
            [r["command"] for r in self.node.requests if "trace" in r["command"]], ["trace start", "show trace"])
        self.assertEqual(self.node.requests[-2]["arguments"], {"count": 1, "match": "tcp dport 80"})
        self.assertEqual(out.splitlines(), [
            "1. tcp:198.51.100.7:40000>203.0.113.10:80, 60 bytes, port 0, worker 0, generation 7",
            "   classify: vip web, flow", "   flow_lookup: not known", "   select: slot 40113 b1 (active)",
            "   backend: b1", "   encap: ipip, 80 bytes", "   verdict: forward", "1 of 1 packets"])

    def test_expectations_fail_with_what_is_there(self):
        self.assertEqual(self.run_cli("show vip web | expect vips.0.name == web")[0], 0)
        self.assertEqual(self.run_cli("show vip | expect vips.0.table_size >= 65537")[0], 0)
        status, _, error = self.run_cli("show vip | expect vips.0.healthy > 1")
        self.assertEqual(status, 1)
        self.assertIn("expect: vips.0.healthy is '1', not > 1", error)
        status, _, error = self.run_cli("show vip | expect vips.7.healthy > 1")
        self.assertEqual(status, 2)
        self.assertIn("the reply has no field 'vips.7.healthy'", error)

    def test_a_file_of_commands_runs_another_and_ends_where_that_fails(self):
        (self.root / "inner").write_text("show vip | count\n", encoding="utf-8")
        (self.root / "outer").write_text("include inner\nshow vip | count\n", encoding="utf-8")
        self.assertEqual(self.run_cli("-f", "outer")[:2], (0, "1\n1\n"))
        (self.root / "inner").write_text("show vip | expect vips.0.name == ftp | count\n", encoding="utf-8")
        status, _, error = self.run_cli("-f", "outer")
        self.assertEqual(status, 1)
        self.assertIn("outer:1: include inner: a command failed", error)
        (self.root / "inner").write_text("include inner\n", encoding="utf-8")
        self.assertIn("more than 8 deep", self.run_cli("include inner")[2])

    def test_a_vips_diff_is_of_that_vip(self):
        status, out, _ = self.run_cli("config diff vip web | json")
        self.assertEqual((status, self.node.requests[-1]), (0, {"command": "config diff"}))
        self.assertEqual([row["vip"] for row in json.loads(out)["vips"]], ["web"])
        self.assertEqual(json.loads(self.run_cli("config diff vip other | json")[1])["vips"], [])


if __name__ == "__main__":
    unittest.main()
