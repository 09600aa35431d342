#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The program against a daemon of canned replies: one-shot, batch, JSON, errors and exit status.

Usage: command_test.py FAIRLEAD
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fake_daemon import FakeNode  # noqa: E402

PROGRAM = os.path.abspath(sys.argv.pop(1))
SAMPLES = pathlib.Path(__file__).parents[3] / "config"
ALLOCATOR = os.environ.get("FL_ALLOCATOR", "jemalloc")


class CommandTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fairlead-cli-")
        self.addCleanup(temporary.cleanup)
        self.root = temporary.name
        self.directory = os.path.join(self.root, "lb1")
        self.node = FakeNode(self.directory)
        self.addCleanup(self.node.stop.set)

    def run_cli(self, *words, place=("--runtime-dir", None), stdin="", env=None):
        """Exit status, standard output, standard error."""
        where = [self.directory if w is None else w for w in place]
        done = subprocess.run(
            [PROGRAM, *where, *words], input=stdin, capture_output=True, text=True, timeout=20,
            check=False, cwd=SAMPLES, env={**os.environ, "FAIRLEAD_SOCKET": "", **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def run_batch(self, text, *options):
        path = os.path.join(self.root, "batch.txt")
        pathlib.Path(path).write_text(text, encoding="utf-8")
        status, out, err = self.run_cli("-f", path, *options)
        return status, out, err.replace(path, "FILE")

    # --- what is sent, what is shown ---

    def test_sends_the_command_of_the_protocol(self):
        self.run_cli("set", "ba", "b1", "vip", "web", "w", "50")
        self.assertEqual(self.node.requests, [
            {"command": "set backend",
             "arguments": {"backend": "b1", "vip": "web", "weight": 50}}])

    def test_every_command_of_the_grammar_answers(self):
        reference = subprocess.run([PROGRAM, "--reference"], capture_output=True, text=True,
                                   timeout=20, check=True).stdout
        examples = [row.split(" | ")[-1].strip(" |`").replace("\\|", "|")
                    for row in reference.split("### Values")[0].splitlines()
                    if row.startswith("| `")]
        self.assertGreater(len(examples), 24)
        for example in examples:
            if "every" in example or "watch" in example or example in ("quit", "exit") or "sleep" in example:
                continue
            # Need files: packet_test.py, live_operator_test.cc, habit_test.py.
            if example.startswith(("dump table", "include", "ipvs -R")):
                continue
            with self.subTest(example):
                status, out, err = self.run_cli(example)
                if example.startswith("ipvs -E"):  # no meaning here: it says so
                    self.assertEqual((status, out), (2, ""))
                    self.assertRegex(err, "^fairlead: ipvs -E: .*\\n$")
                    continue
                self.assertEqual((status, err), (0, ""))
                self.assertNotEqual(out, "")

    def test_table_is_aligned(self):
        status, out, _ = self.run_cli("show", "table", "web")
        self.assertEqual(status, 0)
        self.assertIn("BACKEND  WEIGHT  SLOTS    SHARE\n"
                      "b1          100  43691  66.66 %\n"
                      "b2           50  21846  33.34 %\n", out)

    def test_a_long_list_of_flows_comes_in_chunks(self):
        status, out, _ = self.run_cli("show flow list limit 2200 | json")
        listed = json.loads(out)
        self.assertEqual((status, len(listed["flows"])), (0, 2200))
        self.assertEqual(listed["next"], 2200)
        self.assertEqual([r["arguments"]["limit"] for r in self.node.requests], [1000, 1000, 200])
        whole = json.loads(self.run_cli("show flow list limit 1000000 | json")[1])
        self.assertEqual(len({flow["id"] for flow in whole["flows"]}), 2500)
        self.assertNotIn("next", whole)
        self.assertEqual(len(json.loads(self.run_cli("show flow list | json")[1])["flows"]), 100)

    def test_a_flow_file_that_is_not_there(self):
        status, out, err = self.run_cli("show", "flow", "list", "file", "/nonexistent/flows.0")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("/nonexistent/flows.0", err)
        self.assertEqual(self.node.requests, [])

    def test_what_is_no_flow_file_is_wrong_input(self):
        pipe, empty, cut = (os.path.join(self.root, name) for name in ("pipe", "empty", "cut"))
        os.mkfifo(pipe)
        pathlib.Path(empty).write_bytes(b"")
        pathlib.Path(cut).write_bytes(b"\0" * 8000)
        for path in (pipe, empty, cut, self.root, "/bin/true", "/dev/zero", "/proc/self/maps", "/" + "a" * 5000, "/no\x1b[2J"):
            for command in ("list", "stats", "tuple"):
                words = ["show", "flow", command] if command != "tuple" else [
                    "show", "flow", "tcp", "192.0.2.1:1", "203.0.113.10:80"]
                with self.subTest((command, path[:30])):
                    status, out, err = self.run_cli(*words, "file", path)
                    self.assertEqual((status, out, err.count("\n")), (2, "", 1), err)
                    self.assertLess(len(err), 1100)
                    self.assertTrue(err[:-1].isprintable(), ascii(err))
        self.assertEqual(self.node.requests, [])

    def test_long_words_are_told_in_short(self):
        word = "x" * 100_000
        for words in ((word,), ("show", word), ("show", "vip", word), ("set", "backend", word, "weight", "1"), ("@" + word, "show", "vip"),
                      ("help", word), ("--" + word,), ("--socket", "/" + word, "show", "vip"), ("--node", "a/" + word, "show", "vip"),
                      ("-f", "/" + word), ("lookup", "tcp", word, word), ("show vip | match '" + word + "('",), ("show", "vip", "|", word),
                      ("set", "backend", "b1", "weight", "9" * 100_000), ("--timeout", word, "show", "vip"), ("show", "drop", "reason", word)):
            with self.subTest([w[:20] for w in words]):
                status, out, err = self.run_cli(*words)
                self.assertEqual((out, err.count("\n")), ("", 1))
                self.assertNotEqual(status, 0)
                self.assertLess(len(err), 1100)
        self.assertEqual([r for r in self.node.requests if r["command"] != "show drop"], [])

    def test_lookup_why_reads_as_sentences(self):
        _, out, _ = self.run_cli("lookup tcp 198.51.100.7:40000 203.0.113.10:80 why")
        self.assertEqual(out, (
            "tcp 198.51.100.7:40000 -> 203.0.113.10:80 is for vip web.\n"
            "No flow is known.\n"
            "Candidates by hash: b1 (slot 40113, active, score 0.12), "
            "b2 (slot 977, draining, score 0.31).\n"
            "It goes to b1 in ipip: new flow: smallest score.\n"))

    def test_memory_is_of_three_processes(self):
        status, out, _ = self.run_cli("show memory | json")
        memory = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual(memory["control"]["allocated_bytes"], 1048576)
        self.assertEqual(memory["dataplane"]["allocated_bytes"], 4096)
        self.assertEqual(memory["cli"]["allocator"], ALLOCATOR)
        if ALLOCATOR == "jemalloc":
            self.assertGreater(memory["cli"]["resident_bytes"], 0)

    def test_memory_of_an_agent_names_the_agent(self):
        path = os.path.join(self.directory, "agent.sock")
        os.rename(os.path.join(self.directory, "control.sock"), path)
        status, out, _ = self.run_cli("show", "memory", place=("--socket", path))
        self.assertEqual(status, 0)
        self.assertIn("fairlead-agent", out)
        self.assertNotIn("fairlead-dataplane", out)

    def test_memory_without_data_plane_says_so(self):
        os.unlink(os.path.join(self.directory, "dataplane.sock"))
        status, out, _ = self.run_cli("show", "memory")
        self.assertEqual(status, 0)
        self.assertIn("fairlead-dataplane  not reached", out)

    def test_json_is_one_line_with_the_reply(self):
        for words in (("--json", "show", "vip"), ("show", "vip", "--json"), ("show vip | json",)):
            status, out, _ = self.run_cli(*words)
            self.assertEqual(status, 0)
            self.assertEqual(out.count("\n"), 1)
            self.assertEqual(json.loads(out)["vips"][0]["table_size"], 65537)

    def test_filters_select_rows(self):
        self.assertEqual(self.run_cli("show backend | match down | count")[1], "1\n")
        self.assertEqual(self.run_cli("show", "backend", "|", "count")[1], "2\n")
        only = json.loads(self.run_cli("show backend | match ^b2$ | json")[1])
        self.assertEqual([b["id"] for b in only["backends"]], ["b2"])

    def test_watch_repeats(self):
        status, out, _ = self.run_cli("show vip | watch 100ms 3 | count")
        self.assertEqual((status, out), (0, "1\n\n1\n\n1\n"))
        self.assertEqual(len(self.node.requests), 3)

    def test_rate_counts_between_two_questions(self):
        status, out, _ = self.run_cli("show rate every 100ms count 2 | json")
        self.assertEqual(status, 0)
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([row["rx_pps"] for row in rows], [0.0, 0.0])

    def test_drop_reason_selects_one(self):
        _, out, _ = self.run_cli("show drop reason fragment | json")
        self.assertEqual([r["name"] for r in json.loads(out)["reasons"]], ["fragment"])
        self.assertEqual(self.run_cli("show drop reason fragmnet"), (
            2, "", "fairlead: no drop reason 'fragmnet', did you mean 'fragment'?\n"))

    # --- which node ---

    def test_sockets_are_found_by_option_and_environment(self):
        path = os.path.join(self.directory, "control.sock")
        self.assertEqual(self.run_cli("show", "port", place=("--socket", path))[0], 0)
        self.assertEqual(
            self.run_cli("show", "vip", place=(), env={"FAIRLEAD_SOCKET": path})[0], 0)

    def test_neighbours_are_reached_by_name(self):
        FakeNode(os.path.join(self.root, "lb2"))
        self.assertEqual(self.run_cli("@lb2 show vip | count")[:2], (0, "1\n"))
        self.assertEqual(self.run_cli("@all show vip | count")[1], "@lb1\n1\n@lb2\n1\n")
        status, _, err = self.run_cli("@lb3", "show", "vip")
        self.assertEqual(status, 1)
        self.assertEqual(err.count("\n"), 1)

    # --- errors ---

    def test_bad_input_is_one_line_and_status_2_and_sends_nothing(self):
        cases = {
            "shwo vip": "unknown command 'shwo', did you mean 'show'?",
            "show backned": "show: unknown word 'backned', did you mean 'backend'?",
            "set backend b1 weight 10001":
                "weight '10001': must be a whole number from 0 to 10000",
            "set backend b1 weight lots": "weight 'lots': must be a whole number from 0 to 10000",
            "lookup tcp 1.2.3.4:5 5.6.7.8:99999":
                "destination '5.6.7.8:99999': port '99999' must be from 1 to 65535",
            "lookup sctp 1.2.3.4:5 5.6.7.8:9":
                "protocol 'sctp': must be tcp or udp",
            "show vip | match (": "regular expression '(': Unmatched ( or \\(",
            "set backend b1 weight 5 | watch 1s":
                "| watch: only show and lookup can be repeated",
            "show rate | count": "show rate: takes only | json; it repeats with every and count",
            "help bogus": "help: no command begins with 'bogus'",
            "show vip \x07": "control character in column 10",
        }
        for line, message in cases.items():
            with self.subTest(line):
                self.assertEqual(self.run_cli(line), (2, "", f"fairlead: {message}\n"))
        self.assertEqual(self.node.requests, [])

    def test_unknown_names_get_a_suggestion_and_status_2(self):
        self.assertEqual(self.run_cli("show", "vip", "wep"), (
            2, "", "fairlead: no vip 'wep', did you mean 'web'?\n"))
        self.assertEqual(self.run_cli("drain", "backend", "b7"), (
            2, "", "fairlead: no backend 'b7', did you mean 'b1'?\n"))

    def test_refusals_of_the_daemon_are_status_1(self):
        reply = {"ok": False, "code": "failed_precondition", "message": "weights are\nfrozen"}
        self.node.raw["set backend"] = json.dumps(reply).encode() + b"\n"
        self.assertEqual(self.run_cli("set backend b1 weight 5"), (
            1, "", "fairlead: weights are frozen\n"))

    def test_no_daemon_is_status_1(self):
        nowhere = os.path.join(self.root, "nowhere")
        self.assertEqual(self.run_cli("show", "vip", place=("--runtime-dir", nowhere)), (
            1, "", f"fairlead: no daemon at {nowhere}/control.sock: no such file; "
                   "is it running?\n"))

    def test_a_dead_socket_is_status_1(self):
        path = os.path.join(self.root, "control.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        self.assertEqual(self.run_cli("show", "vip", place=("--socket", path)), (
            1, "", f"fairlead: no daemon at {path}: the socket is there but nobody listens; "
                   "start it again\n"))

    def test_a_file_is_no_socket(self):
        self.assertEqual(self.run_cli("show", "vip", place=("--socket", "/etc/passwd")), (
            2, "", "fairlead: /etc/passwd is not a socket; name a node's control.sock\n"))

    def test_a_refusal_before_the_question_is_shown(self):
        path = os.path.join(self.root, "refusing.sock")
        reply = {"ok": False, "code": "permission_denied", "message": "only root may ask"}

        def refuse():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(json.dumps(reply).encode() + b"\n")

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            thread = threading.Thread(target=refuse)
            thread.start()
            self.assertEqual(self.run_cli("show", "vip", place=("--socket", path)), (
                1, "", "fairlead: only root may ask\n"))
            thread.join()

    def test_silence_ends_at_the_timeout(self):
        self.node.raw["show vip"] = None
        status, _, err = self.run_cli("show", "vip", "--timeout", "200ms")
        self.assertEqual(status, 1)
        self.assertEqual(err, f"fairlead: daemon at {self.directory}/control.sock did not answer "
                              "in time; is it busy or stopped?\n")

    def test_damaged_answers_are_status_1(self):
        for raw in (b"", b"not json\n", b"[]\n", b'{"result":{}}\n', b'{"ok":true,"result":7}\n',
                    b'{"ok":true', b'{"ok":"yes"}\n', b"\xff\xfe\n"):
            self.node.raw["show vip"] = raw
            with self.subTest(raw):
                status, out, err = self.run_cli("show", "vip")
                self.assertEqual((status, out, err.count("\n")), (1, "", 1))

    # --- batch ---

    def test_batch_runs_line_by_line(self):
        status, out, err = self.run_batch(
            "# evening\n\nshow vip | count   # one\ndrain backend b1\nquit\nshow status\n")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, "1\nOK b1: draining, no new flows, pools changed: 1, "
                              "flows on it: 12, from generation 8 on\n")

    def test_batch_is_checked_before_it_runs(self):
        self.assertEqual(self.run_batch("drain backend b1\n\ndrain bakcend b2\n"), (
            2, "", "FILE:3: drain: unknown word 'bakcend', did you mean 'backend'?\n"))
        self.assertEqual(self.node.requests, [])

    def test_batch_stops_at_the_line_that_fails(self):
        status, out, err = self.run_batch("show vip | count\nshow vip wep\ndrain backend b1\n")
        self.assertEqual((status, out, err), (
            2, "1\n", "FILE:2: no vip 'wep', did you mean 'web'?\n"))
        self.assertNotIn("drain backend", [r["command"] for r in self.node.requests])

    def test_batch_keeps_going_if_asked(self):
        self.node.raw["show drop"] = b""
        status, out, err = self.run_batch(
            "show drop\nbogus line\nshow vip | count\n", "--keep-going")
        self.assertEqual((status, out), (2, "1\n"))
        self.assertEqual([line.split(":")[1] for line in err.splitlines()], ["1", "2"])

    def test_batch_comes_from_a_pipe(self):
        self.assertEqual(self.run_cli(stdin="show vip | count\nshow vpi\nshow vip | count\n"), (
            2, "1\n", "stdin:2: show: unknown word 'vpi', did you mean 'vip'?\n"))
        self.assertEqual(self.run_cli("-f", "-", stdin="show vip | count\n")[:2], (0, "1\n"))

    def test_what_has_no_lines_is_no_batch(self):
        self.assertEqual(self.run_cli("-f", "/dev/zero"), (
            2, "", "/dev/zero:1: line is longer than 64 KiB, this is no file of commands\n"))
        self.assertEqual(self.run_cli("-f", "/dev/zero", "--keep-going")[0], 2)

    def test_foreign_text_stays_on_one_line_and_commands_no_terminal(self):
        for words in (("-f", "/tmp/no\nsuch\x1b[2Jfile"), ("show", "\x1b[31mvip"), ("--socket", "/a\nb", "show", "vip"),
                      ("--no\x1b[2J\n",), ("show", "vip", "a\u009bb")):
            with self.subTest(words):
                status, out, err = self.run_cli(*words)
                self.assertNotEqual(status, 0)
                self.assertEqual((out, err.count("\n")), ("", 1), err)
                self.assertFalse(any(ord(c) < 32 or 0x7f <= ord(c) < 0xa0 for c in err[:-1]), err)

    def test_an_empty_command_is_wrong_input(self):
        for words in (("",), ("  ",), ("# only a comment",)):
            self.assertEqual(self.run_cli(*words), (2, "", "fairlead: empty command; fairlead help lists all\n"))

    def test_numbers_that_may_be_octal_are_refused(self):
        status, _, err = self.run_cli("set backend b1 weight 0120")
        self.assertEqual((status, err.count("\n")), (2, 1))
        self.assertEqual(self.node.requests, [])

    def test_batch_file_that_cannot_be_read(self):
        self.assertEqual(self.run_cli("-f", "/nonexistent/x"), (
            2, "", "fairlead: cannot read /nonexistent/x: No such file or directory\n"))
        self.assertEqual(self.run_cli("-f", self.root), (
            2, "", f"fairlead: cannot read {self.root}: Is a directory\n"))


if __name__ == "__main__":
    unittest.main()
