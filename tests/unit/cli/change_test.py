#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Commands that change a node, against a daemon of canned replies: configurations, drains.

Usage: change_test.py FAIRLEAD
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
SAMPLES = pathlib.Path(__file__).parents[3] / "config"


class ChangeTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fairlead-cli-")
        self.addCleanup(temporary.cleanup)
        self.root = temporary.name
        self.directory = os.path.join(self.root, "lb1")
        self.node = FakeNode(self.directory)
        self.addCleanup(self.node.stop.set)

    def run_cli(self, *words, place=("--runtime-dir", None)):
        """Exit status, standard output, standard error."""
        where = [self.directory if w is None else w for w in place]
        done = subprocess.run([PROGRAM, *where, *words], capture_output=True, text=True, timeout=20, check=False,
                              cwd=SAMPLES, env={**os.environ, "FAIRLEAD_SOCKET": ""})
        return done.returncode, done.stdout, done.stderr

    def test_a_configuration_is_checked_without_a_daemon(self):
        status, out, err = self.run_cli("config", "check", "fairlead.yaml", place=("--node", "nobody"))
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"OK fairlead.yaml: [0-9]+ vips, [0-9]+ backends in pools, 0 warnings\n$")
        bad = os.path.join(self.root, "bad.yaml")
        pathlib.Path(bad).write_text("node: {id: lb1}\nvisp: []\n", encoding="utf-8")
        for words in (("config", "check", bad), ("config", "load", bad)):
            status, out, err = self.run_cli(*words)
            self.assertEqual((status, out), (2, ""))
            self.assertEqual(err, f"fairlead: {bad}:2: visp: unknown key, did you mean 'vips'?\n")
        status, _, err = self.run_cli("config", "check", "/nonexistent.yaml")
        self.assertEqual(status, 2)
        self.assertIn("/nonexistent.yaml", err)
        self.assertEqual(self.node.requests, [])

    def test_a_configuration_is_loaded_as_text(self):
        status, out, _ = self.run_cli("config", "load", "fairlead.yaml")
        self.assertEqual(status, 0)
        sent = self.node.requests[0]["arguments"]
        self.assertEqual(sent["name"], "fairlead.yaml")
        self.assertEqual(sent["text"], (SAMPLES / "fairlead.yaml").read_text(encoding="utf-8"))
        self.assertIn("OK pending over revision 1: 67 slots move, 3 live flows are affected", out)
        self.assertIn("keeps its old value until a restart: workers", out)

    def test_what_is_staged_reads_well(self):
        out = self.run_cli("config commit confirm 60s note 'b2 down'")[1]
        self.assertEqual(self.node.requests[-1]["arguments"], {"confirm_ms": 60000, "note": "b2 down"})
        self.assertIn("OK revision 2 is in force, on trial: goes back to 1 in 1m 0s unless config confirm", out)
        out = self.run_cli("show config history")[1]
        self.assertIn("2  on trial  2023-11-14 22:15:00Z  commit  00000000000000aa  b2 down", out)
        out = self.run_cli("config diff")[1]
        self.assertIn("vips[web].backends[b2].weight  50      20", out)
        self.assertEqual(self.run_cli("show config")[1], "node: {id: lb1}\nvips: []\n")
        for words, says in ((("config", "commit", "confirm", "0s"), "time '0s'"),
                            (("config", "rollback", "0"), "revision '0'"),
                            (("config", "rollback", "x"), "revision 'x'"),
                            (("config", "commit", "note", ""), "note:")):
            status, out, err = self.run_cli(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(says, err)

    def test_vips_and_backends_are_edited_in_what_is_pending(self):
        for words, edit, names, values in (
                ("add vip shop address 203.0.113.20 protocol tcp port 443 choices 2", "add", {"vip": "shop"},
                 {"address": "203.0.113.20", "protocol": "tcp", "port": "443", "choices": "2"}),
                ("set vip web health '{interval: 2s}'", "set", {"vip": "web"}, {"health": "{interval: 2s}"}),
                ("del vip shop", "delete", {"vip": "shop"}, {}),
                ("add backend b9 vip web address 10.0.0.9 weight 50", "add", {"vip": "web", "backend": "b9"},
                 {"address": "10.0.0.9", "weight": "50"}),
                ("config set backend b1 weight 50 vip web", "set", {"vip": "web", "backend": "b1"}, {"weight": "50"}),
                ("set weights policy max-step 10% max-moved-rows 2% every 10s", "set", {"section": "rails"},
                 {"max_step": "0.1", "max_moved": "0.02", "moved_within": "10000ms"}),
                ("set weights policy max-moved-rows 2%", "set", {"section": "rails"},
                 {"max_moved": "0.02", "moved_within": "60000ms"}),
                ("del backend b1", "delete", {"backend": "b1"}, {})):
            status, out, err = self.run_cli(words)
            self.assertEqual((status, err), (0, ""), words)
            self.assertIn("OK pending over revision 1", out)
            sent = {"edit": edit, **names}
            if values:
                sent["values"] = [{"key": k, "value": v} for k, v in values.items()]
            self.assertEqual(self.node.requests[-1], {"command": "config edit", "arguments": sent})
        for words, says in (("add vip shop address 203.0.113 protocol tcp port 443", "address '203.0.113'"),
                            ("add vip shop address 203.0.113.20 protocol sctp port 443", "none of tcp, udp"),
                            ("add backend b9 address 10.0.0.9", "vip"),
                            ("set vip web", "KEY"),
                            ("set vip web Port 80", "key 'Port'")):
            status, out, err = self.run_cli(words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(says, err)

    def test_statistics_can_be_cleared_all_or_of_one(self):
        self.assertIn("OK what is shown counts from now on", self.run_cli("clear stats")[1])
        self.assertEqual([r["command"] for r in self.node.requests], ["clear stats"] * 2)  # of both daemons
        for words, arguments in (("vip web", {"vip": "web"}), ("backend b1", {"backend": "b1"}), ("port 0", {"port": 0}),
                                 ("port all", {})):
            self.assertIn("counts from now on", self.run_cli("clear stats " + words)[1])
            self.assertEqual(self.node.requests[-1].get("arguments", {}), arguments)
        self.assertEqual(self.run_cli("clear stats vip web backend b1")[0], 2)

    def test_a_vip_is_disabled_and_keeps_its_flows(self):
        self.assertEqual(self.run_cli("disable vip web")[1],
                         "OK web: no new flows, open ones go on, flows on it: 7, from generation 8 on\n")
        self.assertEqual(self.node.requests[-1], {"command": "disable vip", "arguments": {"vip": "web"}})
        self.assertIn("OK web: takes new flows", self.run_cli("enable vip web")[1])

    def test_a_weight_goes_in_steps(self):
        self.node.raw["set backend"] = b'{"ok":true,"result":{"changed":1,"ramp_ms":300000}}\n'
        self.assertEqual(self.run_cli("set backend b1 vip web weight 50 ramp 5m")[1],
                         "OK b1 in vip web: weight 50 in 5m 0s, pools changed: 1\n")
        self.assertEqual(self.node.requests[-1]["arguments"],
                         {"backend": "b1", "vip": "web", "weight": 50, "ramp_ms": 300000})
        self.assertEqual(self.run_cli("set backend b1 weight 50 ramp 0s")[0], 2)

    def test_the_text_in_force_is_saved_for_its_owner_alone(self):
        path = pathlib.Path(self.root) / "saved.yaml"
        status, out, err = self.run_cli("config", "save", str(path))
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(path.read_text(encoding="utf-8"), "node: {id: lb1}\nvips: []\n")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertIn("OK revision 1 is in ", out)
        victim = pathlib.Path(self.root) / "victim"
        victim.write_text("theirs", encoding="utf-8")
        pathlib.Path(str(path) + ".new").symlink_to(victim)
        self.assertEqual(self.run_cli("config", "save", str(path))[0], 0)
        self.assertEqual((victim.read_text(encoding="utf-8"), path.is_symlink()), ("theirs", False))
        status, out, err = self.run_cli("config", "save", "/nonexistent/saved.yaml")
        self.assertEqual((status, out, err.count("\n")), (1, "", 1))

    def batch(self, text):
        path = pathlib.Path(self.root) / "batch.txt"
        path.write_text(text, encoding="utf-8")
        return self.run_cli("-f", str(path))

    def pending(self, value):
        reply = {"ok": True, "result": {"revision": 2, "pending": value}}
        if value:
            reply["result"]["pending_digest"] = "0123456789abcdef"
        self.node.raw["show config history"] = json.dumps(reply).encode() + b"\n"

    def test_autocommit_commits_each_edit_of_the_session(self):
        self.pending(False)
        status, out, err = self.batch("set autocommit on\ndel backend b1\nset autocommit off\ndel vip web\n")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([r["command"] for r in self.node.requests],
                         ["show config history", "config edit", "config commit", "config edit"])
        self.assertIn("OK revision 2 is in force", out)
        self.assertIn("OK pending over revision 1", out.splitlines()[-1] + out)

    def test_autocommit_takes_nobody_elses_edits_along(self):
        self.pending(True)
        status, _, err = self.batch("set autocommit on\ndel backend b1\n")
        self.assertEqual(status, 1)
        self.assertIn("this session did not stage", err)
        self.assertEqual([r["command"] for r in self.node.requests], ["show config history"])

    def test_autocommit_names_what_it_saw_so_that_nothing_comes_in_between(self):
        self.pending(False)
        edit = {"ok": True, "result": {"revision": 1, "pending": True, "pending_digest": "00c0ffee00c0ffee"}}
        self.node.raw["config edit"] = json.dumps(edit).encode() + b"\n"
        self.node.raw["config commit"] = (
            b'{"ok":false,"code":"failed_precondition","message":"what is pending is not what this change was made for"}\n')
        status, _, err = self.batch("set autocommit on\ndel backend b1\n")
        self.assertEqual((status, err.count("\n")), (1, 1))
        self.assertIn("the change stays pending: what is pending is not", err)
        _, edited, committed = self.node.requests
        self.assertEqual(edited["arguments"]["pending_digest"], "none")
        self.assertEqual(committed["arguments"], {"note": "autocommit", "pending_digest": "00c0ffee00c0ffee"})

    def test_autocommit_waits_for_the_first_backend(self):
        self.pending(False)
        edit = {"ok": True, "result": {"revision": 1, "pending": True, "incomplete": "vips[1]: no backend"}}
        self.node.raw["config edit"] = json.dumps(edit).encode() + b"\n"
        out = self.batch("set autocommit on\nadd vip shop address 203.0.113.20 protocol tcp port 443\n")[1]
        self.assertIn("not complete yet", out)
        self.assertEqual(self.node.requests[-1]["command"], "config edit")

    def test_a_drain_is_an_operation_with_an_end(self):
        _, out, _ = self.run_cli("drain b b1 deadline 10m then remove")
        self.assertEqual(self.node.requests[-1]["arguments"],
                         {"backend": "b1", "deadline_ms": 600000, "then": "remove"})
        self.assertIn("OK b1: draining, no new flows, at the latest in 10m 0s: remove", out)
        self.run_cli("drain b b1 deadline 10m udp 10s then reset")
        self.assertEqual(self.node.requests[-1]["arguments"],
                         {"backend": "b1", "deadline_ms": 600000, "udp_deadline_ms": 10000, "then": "reset"})
        rows = [{"protocol": "tcp", "vips": 2, "then": "keep"},
                {"protocol": "udp", "vips": 1, "then": "reset", "deadline_ms": 10000}]
        for protocols, end in ((rows, "; tcp, vips: 2: old ones stay until they end; udp, vips: 1: at the latest in 10.0 s: reset"),
                               (rows[1:], ", at the latest in 10.0 s: reset"), (rows[:1], "")):
            reply = {"ok": True, "result": {"changed": 3, "protocols": protocols}}
            self.node.raw["drain backend"] = json.dumps(reply).encode() + b"\n"
            self.assertEqual(self.run_cli("drain b b1 udp 10s")[1],
                             "OK b1: draining, no new flows" + end + ", pools changed: 3\n")
        del self.node.raw["drain backend"]
        _, out, _ = self.run_cli("show", "drain")
        self.assertIn("b2       web  drain  draining  1m 1s         100         12     30.0 s  remove", out)
        self.run_cli("maint", "backend", "b1", "off")
        self.assertEqual(self.node.requests[-1]["arguments"], {"backend": "b1", "switch": "off"})
        for words, says in (("drain backend b1 deadline 0s", "deadline '0s'"),
                            ("drain backend b1 then rest", "did you mean 'reset'?"),
                            ("maint backend b1 maybe", "switch 'maybe'")):
            status, out, err = self.run_cli(words)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(says, err)


if __name__ == "__main__":
    unittest.main()
