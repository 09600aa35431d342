#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The program against a daemon of canned replies: words of other tools, filters, answers that say what did not happen.

Usage: habit_test.py FAIRLEAD
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


class HabitTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fairlead-cli-")
        self.addCleanup(temporary.cleanup)
        self.root = temporary.name
        self.directory = os.path.join(self.root, "lb1")
        self.node = FakeNode(self.directory)
        self.addCleanup(self.node.stop.set)
        self.nothing_pending()

    def run_cli(self, *words, place=("--runtime-dir", None), stdin="", env=None):
        """Exit status, standard output, standard error."""
        where = [self.directory if w is None else w for w in place]
        done = subprocess.run(
            [PROGRAM, *where, *words], input=stdin, capture_output=True, text=True, timeout=20,
            check=False, cwd=SAMPLES, env={**os.environ, "FAIRLEAD_SOCKET": "", **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def test_testpmds_habits(self):
        self.assertEqual(self.run_cli("show port stats all")[0], 0)
        self.assertEqual(self.node.requests[-1], {"command": "show port", "arguments": {"what": "stats"}})
        status, out, _ = self.run_cli("stop")
        self.assertEqual((status, self.node.requests[-1]), (0, {"command": "stop forwarding"}))
        self.assertIn("RX-packets  100\n", out)
        self.assertEqual(self.run_cli("start")[1], "OK 2 workers serve their queues\n")
        self.assertEqual(self.run_cli("set verbose 3")[:2], (0, "OK log level debug\n"))
        self.assertEqual(self.node.requests[-1], {"command": "set log", "arguments": {"level": "debug"}})
        path = os.path.join(self.root, "batch.txt")
        pathlib.Path(path).write_text("show vip | count\nsleep 100ms\nshow vip | count\n", encoding="utf-8")
        self.assertEqual(self.run_cli("--cmdline-file", path)[:2], (0, "1\n1\n"))

    def test_lists_as_ipvsadm_does(self):
        status, out, _ = self.run_cli("ipvs", "-L", "-n")
        self.assertEqual(status, 0)
        self.assertEqual(out.splitlines()[1:], [
            "Prot LocalAddress:Port Scheduler Flags",
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
            "TCP  203.0.113.10:80 mh",
            "  -> 10.0.0.1:80                  Tunnel  100    12         0",
            "  -> 10.0.0.2:80                  Tunnel  50     0          0"])
        self.assertIn("TCP  203.0.113.10:80                   10      100        0      10000        0\n",
                      self.run_cli("ipvs", "-L", "-n", "--stats")[1])

    def sent(self, *words):
        """Exit status, and what a command changed."""
        self.node.requests.clear()
        status, _, err = self.run_cli(*words)
        self.assertEqual(err.count("\n"), 0 if status == 0 else 1)
        looks = ("show vip", "show backend", "show config pending")
        return status, [(r["command"], r.get("arguments", {})) for r in self.node.requests if r["command"] not in looks]

    def edits(self, *words):
        status, changes = self.sent(*words)
        return status, [arguments for command, arguments in changes if command == "config edit"]

    def nothing_pending(self):
        self.node.raw["show config pending"] = b'{"ok":true,"result":{"pending":false}}\n'

    def pending_text(self, text):
        reply = {"ok": True, "result": {"pending": True, "text": text}}
        self.node.raw["show config pending"] = json.dumps(reply).encode() + b"\n"

    def test_letters_of_ipvsadm_change_things_under_our_names(self):
        self.assertEqual(self.sent("ipvs", "-A", "-t", "203.0.113.20:443", "-s", "mh"), (0, [("config edit", {
            "edit": "add", "vip": "tcp-203.0.113.20-443", "values": [
                {"key": "address", "value": "203.0.113.20"}, {"key": "protocol", "value": "tcp"},
                {"key": "port", "value": "443"}]})]))
        self.assertEqual(self.sent("ipvs", "-D", "-t", "203.0.113.10:80"),
                         (0, [("config edit", {"edit": "delete", "vip": "web"})]))
        self.assertEqual(self.sent("ipvs", "-a", "-t", "203.0.113.10:80", "-r", "10.0.0.9:80", "-i", "-w", "5"),
                         (0, [("config edit", {"edit": "add", "vip": "web", "backend": "10.0.0.9", "values": [
                             {"key": "address", "value": "10.0.0.9"}, {"key": "weight", "value": "5"}]})]))
        self.assertEqual(self.sent("ipvs", "-e", "-t", "203.0.113.10:80", "-r", "10.0.0.2", "-w", "0"),
                         (0, [("set backend", {"backend": "b2", "vip": "web", "weight": 0})]))
        self.assertEqual(self.sent("ipvs", "-d", "-t", "203.0.113.10:80", "-r", "10.0.0.2"),
                         (0, [("config edit", {"edit": "delete", "vip": "web", "backend": "b2"})]))
        self.assertEqual(self.sent("ipvs", "-Z"), (0, [("clear stats", {}), ("clear stats", {})]))
        self.assertEqual(self.sent("ipvs", "-Z", "-t", "203.0.113.10:80"), (0, [("clear stats", {"vip": "web"})]))

    def test_letters_without_a_meaning_say_why(self):
        service = ("-t", "203.0.113.10:80")
        for words, says in ((("-A", *service), "service already exists: it is vip web"), (("-E", *service), "the same scheduler"),
                            (("-A", *service, "-s", "rr"), "there is one, mh"),
                            (("-A", "-f", "1"), "no firewall marks"), (("-A", "-t", "203.0.113.10"), "ADDRESS:PORT"),
                            (("-a", *service, "-r", "10.0.0.9", "-m"), "no NAT"),
                            (("-a", *service, "-r", "10.0.0.1"), "destination already exists: backend b1 of vip web"),
                            (("-a", *service, "-r", "10.0.0.9", "-g"), "by ipip, not by l2"),
                            (("-a", *service, "-r", "10.0.0.9:81"), "listens on the vip's port"),
                            (("-Z", "-t", "203.0.113.99:80"), "no vip is tcp-203.0.113.99-80"),
                            (("-Lnc",), "show flow list")):
            status, out, err = self.run_cli("ipvs", *words)
            self.assertEqual((status, out, err.count("\n")), (2, "", 1), words)
            self.assertIn(says, err)

    def test_what_ipvs_saves_it_restores(self):
        status, saved, _ = self.run_cli("ipvs", "-Sn")
        self.assertEqual((status, saved.splitlines()), (0, [
            "-A -t 203.0.113.10:80 -s mh", "-a -t 203.0.113.10:80 -r 10.0.0.1 -i -w 100",
            "-a -t 203.0.113.10:80 -r 10.0.0.2 -i -w 50"]))
        path = os.path.join(self.root, "saved.txt")
        pathlib.Path(path).write_text(saved, encoding="utf-8")
        # What is there already stays, as it is.
        self.assertEqual(self.edits("ipvs", "-R", path), (0, []))
        self.assertEqual(self.run_cli("ipvs", "-R", path)[1].splitlines(), [
            "OK vip web is there already", "OK backend b1 of vip web is there already",
            "OK backend b2 of vip web is there already"])
        pathlib.Path(path).write_text(saved.replace("-w 50", "-w 60"), encoding="utf-8")
        status, out, err = self.run_cli("ipvs", "-R", path)
        self.assertEqual((status, out.count("\n"), err.count("\n")), (2, 2, 2))
        self.assertIn(":3: backend b2 of vip web is there with weight 50, not 60", err)
        # Into a cleared table all of it comes back, under the names that it has in force.
        self.assertEqual(self.edits("ipvs", "-C"), (0, [{"edit": "delete", "vip": "web"}]))
        self.pending_text("node: {id: lb1}\nvips: []\n")
        self.assertEqual(self.run_cli("ipvs", "-C")[:2], (0, "OK there is no vip\n"))
        pathlib.Path(path).write_text(saved, encoding="utf-8")
        status, edits = self.edits("ipvs", "-R", path)
        adds = [(e["vip"], e.get("backend")) for e in edits if e["edit"] == "add"]
        self.assertEqual((status, adds), (0, [("web", None), ("web", "b1"), ("web", "b2")]))
        self.nothing_pending()
        status, _, err = self.run_cli("-f", "-", stdin="set autocommit on\nipvs -C\n")
        self.assertEqual((status, err.count("\n")), (2, 1))
        self.assertIn("set autocommit off", err)
        vip = {"name": "net", "address": "203.0.113.0/28", "protocol": "tcp", "port": 0, "encapsulation": "ipip"}
        self.node.raw["show vip"] = json.dumps({"ok": True, "result": {"vips": [vip]}}).encode() + b"\n"
        saved = self.run_cli("ipvs", "-S")[1]
        self.assertEqual(saved, "# vip net is a prefix, 203.0.113.0/28: config save\n")
        del self.node.raw["show vip"]
        pathlib.Path(path).write_text(saved, encoding="utf-8")
        self.assertEqual(self.sent("ipvs", "-R", path), (0, []))
        pathlib.Path(path).write_text("-A -t 203.0.113.10\n", encoding="utf-8")
        self.assertEqual(self.run_cli("ipvs", "-R", path)[0], 2)

    def test_ipvs_lists_rates_of_a_second(self):
        status, out, _ = self.run_cli("ipvs", "-Ln", "--rate")
        self.assertEqual((status, out.splitlines()[1].split()[2:]), (0, ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]))
        self.assertIn("TCP  203.0.113.10:80                    0        0        0          0        0\n", out)

    def test_an_agreement_wants_all_nodes(self):
        out = self.run_cli("show digest")[1]
        self.assertRegex(out, "nodes heard +1 of 3\n")
        self.assertRegex(out, "not heard +lb2 lb3\n")
        self.assertRegex(out, "all nodes agree +not known")

    def test_a_table_says_what_changed_last_and_what_would_next(self):
        status, out, _ = self.run_cli("show table web diff prev")
        self.assertEqual((status, self.node.requests[-1]), (0, {"command": "show table diff", "arguments": {"vip": "web"}}))
        self.assertRegex(out, "slots moved +67\n")
        self.assertIn("b2       active        draining             50      50       33.44 %  33.33 %  21846       0    67\n", out)
        self.assertEqual(self.run_cli("show table web diff pending")[1], self.run_cli("config diff vip web")[1])

    def test_one_worker_in_detail(self):
        row = {"worker": 3, "core": 2, "queues": "0:3", "busy": 0.5, "uptime_s": 61, "packets_per_burst": 4.5,
               "queue_list": [{"port": 0, "queue": 3, "device": "net_tap0"}], "counters": {"rx_packets": 1234567},
               "reasons": [{"name": "no_vip", "drops": 0, "punts": 7, "answers": 0}]}
        self.node.raw["show core"] = json.dumps({"ok": True, "result": {"cores": [row]}}).encode() + b"\n"
        status, out, _ = self.run_cli("show core 3")
        self.assertEqual((status, self.node.requests[-1]), (0, {"command": "show core", "arguments": {"worker": 3}}))
        for text in ("runs for       1m 1s\n", "rx_packets  1,234,567\n", "   0      3  net_tap0\n", "no_vip      0              7         0\n"):
            self.assertIn(text, out)

    def test_count_has_a_line_for_each_table(self):
        self.assertEqual(self.run_cli("show flow | count")[1], "1 WORKER\n1 BACKEND\n")
        self.assertEqual(self.run_cli("show table web | count")[1], "2\n")

    def test_nodes_that_agree_and_one_that_is_gone(self):
        FakeNode(os.path.join(self.root, "lb2"))
        status, out, _ = self.run_cli("show nodes | json")
        nodes = json.loads(out)
        self.assertEqual((status, nodes["agree"], [n["node"] for n in nodes["nodes"]]), (0, True, ["lb1", "lb2"]))
        self.node.raw["show status"] = b""
        self.assertFalse(json.loads(self.run_cli("show nodes | json")[1])["agree"])

    def test_what_changed_nothing_says_so(self):
        def nothing(command):
            reply = {"ok": True, "result": {"changed": 0, "flows": 0, "generation": 7}}
            self.node.raw[command] = json.dumps(reply).encode() + b"\n"
        for command, words in (("undrain backend", "undrain backend b1"), ("maint backend", "maint backend b1 off")):
            nothing(command)
            self.assertIn("b1: was not held, nothing is changed", self.run_cli(words)[1])
        self.node.raw["set backend"] = b'{"ok":true,"result":{"changed":1,"note":"policy adaptive follows measurements"}}\n'
        self.assertEqual(self.run_cli("set backend b1 weight 5")[1],
                         "OK b1: weight 5 (policy adaptive follows measurements), pools changed: 1\n")

    def test_help_explains_values_and_an_agents_file_gets_the_word_that_helps(self):
        self.assertEqual(self.run_cli("help", "WEIGHT")[1], "  WEIGHT: 0 to 10000; 0: no new flows, as in 50\n")
        self.assertEqual(self.run_cli("config", "check", "agent.yaml"), (
            2, "", "fairlead: agent.yaml: is a configuration of fairlead-agent, check it with fairlead-agent --check "
                   "--config agent.yaml\n"))
        self.assertEqual(self.run_cli("config", "check", "/nonexist"), (
            2, "", "fairlead: /nonexist: cannot read: No such file or directory, check the path\n"))

    def test_exclude_and_csv(self):
        self.assertEqual(self.run_cli("show backend | exclude ^b1")[1].splitlines()[1].split()[0], "b2")
        self.assertEqual(self.run_cli("show backend | include down | count")[1], "1\n")
        only = json.loads(self.run_cli("show backend | exclude ^b2$ | json")[1])
        self.assertEqual([b["id"] for b in only["backends"]], ["b1"])
        self.assertEqual(self.run_cli("show table web | csv")[1].splitlines()[-2:],
                         ["b1,100,43691,66.66 %", "b2,50,21846,33.34 %"])
        self.assertIn('"1,234,567"', self.run_cli("show backend | csv")[1])


if __name__ == "__main__":
    unittest.main()
