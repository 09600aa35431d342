#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The simulator's contract: files in, files out, bad input refused with file and line.

usage: contract_test.py FAIRLEAD_SIM
"""
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SIM = str(Path(sys.argv.pop(1)).resolve())
CONFIG = """vips:
  - name: web
    address: 203.0.113.10
    port: 80
    backends:
      - {id: b1, address: 10.0.0.1, weight: 100, capacity: 8}
      - {id: b2, address: 10.0.0.2, weight: 100, capacity: 8}
monitoring: {interval: 1s}
policy: {name: POLICY}
simulation:
  nodes: 2
  backends: {cores: 4}
  service: {distribution: fixed, mean: 20ms}
  seed: 3
"""
NAMES = ["static", "wrr", "wlc", "latency", "prequal", "adaptive", "eg", "actor-critic"]


class Contract(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.dir = Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)
        self.file("c.yaml", CONFIG.replace("POLICY", "adaptive"))

    def file(self, name: str, text: str) -> str:
        path = self.dir / name
        path.write_text(text)
        return str(path)

    def run_sim(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([SIM, *arguments], capture_output=True, text=True, cwd=self.dir, timeout=120)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def outputs(self, *arguments: str) -> tuple[list[dict[str, str]], dict]:
        self.run_sim("--config", "c.yaml", "--out", "out", *arguments)
        with open(self.dir / "out/decisions.csv", newline="") as f:
            rows = list(csv.DictReader(f))
        return rows, json.loads((self.dir / "out/report.json").read_text())

    def requests(self, count: int = 400, gap: int = 4000, extra: str = "") -> str:
        head = "request_id,arrival_us" + (",src_ip,src_port,service_us" if extra else "") + "\n"
        return self.file("r.csv", head + "".join(f"q{i},{i * gap}{extra}\n" for i in range(count)))

    def test_every_request_has_one_row_in_order(self) -> None:
        rows, report = self.outputs("--requests", self.requests())
        self.assertEqual([r["request_id"] for r in rows], [f"q{i}" for i in range(400)])
        self.assertEqual(list(rows[0]), "request_id,arrival_us,node_id,backend_id,start_us,completion_us,outcome".split(","))
        for r in rows:
            self.assertEqual(r["outcome"], "ok")
            self.assertIn(r["node_id"], ("lb1", "lb2"))
            self.assertIn(r["backend_id"], ("b1", "b2"))
            self.assertLessEqual(int(r["arrival_us"]), int(r["start_us"]))
            self.assertEqual(int(r["completion_us"]) - int(r["start_us"]), 20000)
        for key in ("requests", "ok", "rejected", "failed", "availability", "throughput_rps", "policy", "seed"):
            self.assertIn(key, report)
        self.assertEqual(set(report["latency_us"]), {"mean", "p50", "p95", "p99", "p999"})
        self.assertEqual(set(report["node_latency_us"]), {"mean", "p99"})
        self.assertEqual(sum(b["requests"] for b in report["per_backend"].values()), 400)
        self.assertEqual((report["requests"], report["ok"], report["availability"]), (400, 400, 1.0))
        mean = sum(int(r["completion_us"]) - int(r["arrival_us"]) for r in rows) / 400
        self.assertAlmostEqual(report["latency_us"]["mean"], mean, delta=1)

    def test_every_policy_of_the_contract_runs(self) -> None:
        path = self.requests()
        for name in NAMES:
            self.file("c.yaml", CONFIG.replace("POLICY", name))
            rows, report = self.outputs("--requests", path)
            self.assertEqual((len(rows), report["policy"]), (400, name))

    def test_work_of_a_row_is_served(self) -> None:
        rows, _ = self.outputs("--requests", self.requests(10, 100000, ",192.0.2.1,1000,5000"))
        self.assertEqual({int(r["completion_us"]) - int(r["start_us"]) for r in rows}, {5000})

    def test_one_connection_stays_with_its_backend(self) -> None:
        rows, _ = self.outputs("--requests", self.requests(100, 30000, ",2001:db8::1,1000,"))
        self.assertEqual(len({(r["node_id"], r["backend_id"]) for r in rows}), 1)

    def test_times_of_the_epoch_are_kept(self) -> None:
        start = 1_700_000_000_000_000
        path = self.file("r.csv", "request_id,arrival_us\n" + f"a,{start}\nb,{start + 7}\n")
        rows, report = self.outputs("--requests", path)
        self.assertEqual([int(r["arrival_us"]) for r in rows], [start, start + 7])
        self.assertLess(report["latency_us"]["mean"], 30000)

    def test_two_files_of_different_clocks_are_refused(self) -> None:
        updates = self.updates({"t_us": 0, "backends": [{"id": "b1", "cpu": 0.2}]})
        requests = self.file("r.csv", "request_id,arrival_us\na,1700000000000000\n")
        done = self.run_sim("--config", "c.yaml", "--out", "out", "--requests", requests, "--updates", updates, status=2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("more than 30 days apart", done.stderr)

    def updates(self, *lines: dict) -> str:
        return self.file("u.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def test_down_removed_and_joining_backends(self) -> None:
        updates = self.updates(
            {"t_us": 0, "backends": [{"id": "b1", "cpu": 0.2, "active": 1, "latency_us": 20000}]},
            {"t_us": 400000, "backends": [{"id": "b1", "state": "down"}, {"id": "b3", "capacity": 8}]},
            {"t_us": 800000, "backends": [{"id": "b2", "state": "removed"}, {"id": "b1", "cpu": 0.1}]})
        rows, _ = self.outputs("--requests", self.requests(), "--updates", updates)
        def used(begin: int, end: int) -> set[str]:
            return {r["backend_id"] for r in rows if begin <= int(r["arrival_us"]) < end}
        self.assertEqual(used(0, 400000), {"b1", "b2"})
        self.assertEqual(used(410000, 800000), {"b2", "b3"})
        self.assertEqual(used(810000, 1600000), {"b1", "b3"})

    def test_with_too_few_healthy_backends_all_are_used(self) -> None:
        updates = self.updates({"t_us": 0, "backends": [{"id": "b1", "state": "down"}]})
        for least, expected in ((0, {"b2"}), (50, {"b2"}), (51, {"b1", "b2"})):
            self.file("c.yaml", CONFIG.replace("POLICY", "adaptive") + f"health: {{min_healthy_pct: {least}}}\n")
            rows, _ = self.outputs("--requests", self.requests(), "--updates", updates)
            self.assertEqual({r["backend_id"] for r in rows}, expected)

    def test_nodes_join_leave_and_have_latency(self) -> None:
        updates = self.updates(
            {"t_us": 0, "nodes": [{"id": "lb1", "forward_latency_us": 700}, {"id": "lb2", "forward_latency_us": 700}]},
            {"t_us": 500000, "nodes": [{"id": "lb1", "state": "down"}, {"id": "lb9", "forward_latency_us": 700}]})
        rows, report = self.outputs("--requests", self.requests(), "--updates", updates)
        self.assertEqual({r["node_id"] for r in rows if int(r["arrival_us"]) > 510000}, {"lb2", "lb9"})
        self.assertAlmostEqual(report["node_latency_us"]["mean"], 700, delta=30)
        self.assertTrue(all(int(r["start_us"]) - int(r["arrival_us"]) >= 700 for r in rows[1:]))

    def test_loaded_backends_get_less(self) -> None:
        lines = [{"t_us": t * 500000, "backends": [
            {"id": "b1", "cpu": 0.9, "active": 4, "latency_us": 60000},
            {"id": "b2", "cpu": 0.3, "active": 4, "latency_us": 20000}]} for t in range(20)]
        rows, _ = self.outputs("--requests", self.requests(2500), "--updates", self.updates(*lines))
        late = [r["backend_id"] for r in rows if int(r["arrival_us"]) > 5_000_000]
        self.assertGreater(late.count("b2"), 2 * late.count("b1"))

    def test_an_event_after_the_end_is_told(self) -> None:
        self.file("c.yaml", CONFIG.replace("POLICY", "adaptive") + "  duration: 2s\n  events:\n"
                  "    - {at: 1s, what: crash, who: [b1]}\n    - {at: 3s, what: recover, who: [b1]}\n")
        told = self.run_sim("--config", "c.yaml").stderr
        self.assertEqual(told.count("\n"), 1, told)
        self.assertIn("c.yaml:18: simulation.events[1]: after the end of the run, it never happens (at 3 s, the run ends after 2 s)", told)
        self.assertEqual(self.run_sim("--config", "c.yaml", "--duration", "4s").stderr, "")

    def test_who_recovers_without_requests_is_asked_again(self) -> None:
        self.file("c.yaml", """vips: [{name: web, address: 203.0.113.10, port: 80}]
policy: {name: adaptive}
simulation:
  nodes: 3
  backends: {count: 20, cores: 8}
  load: 0.8
  duration: 60s
  seed: 4
  events:
    - {at: 8s, what: slow, factor: 0.3, who: [b1]}
    - {at: 25s, what: slow, factor: 1, who: [b1]}
""")
        self.run_sim("--config", "c.yaml", "--out", "out", "--quiet")
        with open(self.dir / "out/decisions.csv", newline="") as f:
            rows = list(csv.DictReader(f))

        def share(begin: int, end: int) -> float:
            chosen = [r["backend_id"] == "b1" for r in rows if begin <= int(r["arrival_us"]) / 1e6 < end]
            return 20 * sum(chosen) / len(chosen)
        self.assertGreater(share(4, 8), 0.8)
        self.assertLess(share(20, 25), 0.3)
        self.assertGreater(share(45, 60), 0.8)

    def test_same_seed_same_bytes(self) -> None:
        digests = set()
        for _ in range(2):
            self.run_sim("--scenario", "mixed", "--duration", "2s", "--seed", "5", "--out", "o", "--quiet")
            digests.add(hashlib.sha256((self.dir / "o/decisions.csv").read_bytes() + (self.dir / "o/report.json").read_bytes()).digest())
        self.assertEqual(len(digests), 1)

    def test_decisions_of_the_policy_can_be_replayed(self) -> None:
        for policy in NAMES:
            self.run_sim("--scenario", "mixed", "--policy", policy, "--duration", "8s", "--policy-log", "p.jsonl", "--quiet")
            self.assertIn("every decision follows", self.run_sim("replay", "p.jsonl").stdout)
        lines = (self.dir / "p.jsonl").read_text().splitlines()
        turn = json.loads(lines[5])
        turn["decision"]["backends"][7]["weight"] += 1
        lines[5] = json.dumps(turn, separators=(",", ":"))
        self.file("p.jsonl", "\n".join(lines) + "\n")
        self.refused("p.jsonl:6: the decision does not follow", "replay", "p.jsonl")
        self.refused("none.jsonl", "replay", "none.jsonl")

    def test_plot_and_compare(self) -> None:
        self.run_sim("--scenario", "antag", "--duration", "2s", "--plot", "p.svg", "--quiet")
        self.assertIn("</svg>", (self.dir / "p.svg").read_text())
        done = self.run_sim("compare", "adaptive", "wlc", "--scenario", "homog,crash", "--seeds", "2", "--backends", "10",
                            "--nodes", "3", "--duration", "2s", "--plot", "c.svg", "--json", "c.json")
        self.assertIn("of jsq", done.stdout)
        heads = done.stdout.splitlines()[1]
        self.assertTrue(heads.index("mean ms") < heads.index("p50 ms") < heads.index("p99 ms"), heads)
        rows = json.loads((self.dir / "c.json").read_text())
        self.assertEqual({r["policy"] for r in rows}, {"adaptive", "wlc", "static", "jsq"})
        self.assertEqual({r["of_jsq"]["median"] for r in rows if r["policy"] == "jsq"}, {1.0})

    def test_bad_input_is_one_line_and_status_2(self) -> None:
        head = "request_id,arrival_us\n"
        full = "request_id,arrival_us,src_ip,src_port\n"
        bad_requests = {
            "": "r.csv:1: empty file", "id,arrival_us\n": "r.csv:1: column 'id'", "request_id\n": "r.csv:1: the header",
            head + "a\n": "r.csv:2: 1 fields", head + "a,x\n": "r.csv:2: arrival_us 'x'", head + "a,-1\n": "r.csv:2: arrival_us",
            head + "a,nan\n": "r.csv:2: arrival_us", head + "a,5\nb,4\n": "r.csv:3: arrival_us 4 is before",
            head + "a,1\nb,2\na,3\n": "r.csv:4: request_id 'a'", head + ",1\n": "r.csv:2: request_id is empty",
            head + "a,1\n\nb,2\n": "r.csv:3: empty line", head: "r.csv:1: holds no requests",
            head + 'a,2.5\n': "r.csv:2: arrival_us '2.5' must be a whole number", head + '"a,1\n': "r.csv:2: request_id '\"a' has a quote",
            head + "9" * 100000 + ",1\n": "9...' has 100000 bytes", head + "a\0b,1\n": "r.csv:2: request_id 'a\\x00b'",
            head + "a\x1b[2J,1\n": "r.csv:2: request_id 'a\\x1b[2J'", head + "a,1" + "9" * 100000 + "\n": "r.csv:2: arrival_us '19999",
            head + "a,0\nb,4e15\n": "r.csv:3: arrival_us is more than 30 days", "x" * 100000: "r.csv:1: column 'xxx", full + "a,1,10.0.0.300,1\n": "r.csv:2: src_ip",
            full + "a,1,10.0.0.3,70000\n": "r.csv:2: src_port", "request_id,arrival_us,src_ip\n": "r.csv:1: src_ip and src_port",
            "request_id,arrival_us,service_us\na,1,-4\n": "r.csv:2: service_us"}
        for option in ("--requests", "--updates", "--out"):  # an unset variable of a script
            self.refused(option + ": the value is empty", "--config", "c.yaml", option, "")
        for text, message in bad_requests.items():
            self.file("r.csv", text)
            self.refused(message, "--config", "c.yaml", "--requests", "r.csv", "--out", "out")
        bad_updates = {
            "": "u.jsonl:1: holds no updates", "{\n": "u.jsonl:1: not a JSON object", "[]\n": "u.jsonl:1: not a JSON object",
            '{"t_us":1,"vips":[]}\n': "u.jsonl:1: unknown key 'vips', known here: t_us backends nodes",
            '{"t_us":1,"t_us":2}\n': "u.jsonl:1: key 't_us' is there twice", '{"t_us":5.5}\n': "u.jsonl:1: t_us must be whole",
            '{"t_us":1,"backends":[{"id":"b1","cpus":1}]}\n': "u.jsonl:1: unknown key 'cpus'",
            '{"t_us":1,"nodes":[{"id":"lb1","cpu":1}]}\n': "u.jsonl:1: unknown key 'cpu'",
            '{"t_us":1,"backends":[{"id":"b1","cpu":1,"cpu":0}]}\n': "u.jsonl:1: key 'cpu' is there twice",
            '{"t_us":1,"backends":[{"id":"b1"},{"id":"b1"}]}\n': "u.jsonl:1: backend 'b1' is twice",
            '{"t_us":1,"nodes":[{"id":"n"},{"id":"n"}]}\n': "u.jsonl:1: node 'n' is twice",
            '{"t_us":1,"backends":[{"id":7}]}\n': "u.jsonl:1: id is no name", '{"t_us":1,"backends":[{"id":"b,1"}]}\n': "id 'b,1' is no name",
            '{"t_us":1,"backends":[{"id":"b\\u0000"}]}\n': "id 'b\\x00' is no name",
            '{"t_us":1,"backends":[{"id":"' + "b" * 300 + '"}]}\n': "bbb...' is no name",
            '{"t_us":1,"backends":[7]}\n': "u.jsonl:1: backends and nodes are lists of objects",
            '{"t_us":1,"backends":[{"id":"b1","capacity":1e99}]}\n': "u.jsonl:1: capacity must be",
            '{"t_us":1}\n{"t_us":4e15}\n': "u.jsonl:2: t_us is more than 30 days",
            '{"t_us":1,"nodes":[' + ",".join(f'{{"id":"n{i}"}}' for i in range(1001)) + ']}\n': "nodes", "{}\n": "u.jsonl:1: t_us is missing",
            '{"t_us":2}\n{"t_us":1}\n': "u.jsonl:2: t_us is before", '{"t_us":1,"backends":{}}\n': "u.jsonl:1: backends must be",
            '{"t_us":1,"backends":[{"cpu":1}]}\n': "u.jsonl:1: id is missing",
            '{"t_us":1,"backends":[{"id":"b1","cpu":-1}]}\n': "u.jsonl:1: cpu must be",
            '{"t_us":1,"backends":[{"id":"b1","cpu":"a"}]}\n': "u.jsonl:1: cpu must be",
            '{"t_us":1,"nodes":[{"id":"n","state":"gone"}]}\n': "u.jsonl:1: state must be"}
        self.requests()
        for text, message in bad_updates.items():
            self.file("u.jsonl", text)
            self.refused(message, "--config", "c.yaml", "--requests", "r.csv", "--updates", "u.jsonl", "--out", "out")
        for file, good in (("r.csv", head + "a,1\nb,2\n"), ("u.jsonl", '{"t_us":0,"backends":[{"id":"b1","cpu":0.5}]}\n')):
            self.requests(2)
            self.file("u.jsonl", '{"t_us":0}\n')
            for length in range(len(good)):  # cut anywhere: accepted or refused, never worse
                self.file(file, good[:length])
                done = subprocess.run([SIM, "--config", "c.yaml", "--requests", "r.csv", "--updates", "u.jsonl", "--quiet"],
                                      capture_output=True, text=True, cwd=self.dir, timeout=60)
                self.assertIn(done.returncode, (0, 2), (file, length, done.stderr))
                self.assertEqual(done.stderr.count("\n"), done.returncode // 2, (file, length, done.stderr))
        self.requests()
        self.refused("c2.yaml: cannot read", "--config", "c2.yaml")
        self.refused("missing.csv: cannot read", "--config", "c.yaml", "--requests", "missing.csv")
        self.refused("scenario 'x': unknown", "--scenario", "x")
        self.refused("policy 'x': unknown", "--scenario", "homog", "--policy", "x")
        for policy, message in (("adaptive:", "no parameter ''"), ("adaptive:choices=2,", "no parameter ''"),
                                ("jsq:choices=2", "no parameter 'choices', it has none"), ("lc:guard=3", "no parameter 'guard'"),
                                ("adaptive:learning=1", "no parameter 'learning'"), ("adaptive:choices=5", "'5' is no value")):
            self.refused(message, "--scenario", "homog", "--policy", policy)
            self.refused(message, "compare", policy)
        for ending in (".png", ".PDF"):
            self.refused(f"pictures are SVG, name the file 'x.svg'", "--scenario", "homog", "--plot", "x" + ending)
            self.refused(f"pictures are SVG, name the file 'x.svg'", "compare", "wlc", "--plot", "x" + ending)
        self.refused("nothing to simulate")
        self.refused("--duration: 'soon'", "--scenario", "homog", "--duration", "soon")
        for option in ("--duration", "--interval", "--delay", "--exchange"):
            self.refused(option + ": the value is empty", "--scenario", "homog", option, "")
        for number in ("-1", "18446744073709551616", "1e3", "0x10", "", "one"):
            self.refused("is no whole number", "--scenario", "homog", "--seed", number)
            self.refused("is no whole number", "compare", "wlc", "--first-seed", number)
            self.refused("is no whole number", "train", "--out", "t.cc", "--seed", number)
        self.refused("--out is of a single run", "--out", "x", "compare", "wlc")
        self.refused("/bin/true:1: column '\\x7fELF", "--config", "c.yaml", "--requests", "/bin/true")
        self.refused("--" + "x" * 20, "--" + "x" * 100000)
        self.refused("policy 'xxxx", "--scenario", "homog", "--policy", "x" * 100000)
        self.assertFalse((self.dir / "out").exists())

    def test_refused_outputs_leave_everything_as_it_was(self) -> None:
        self.requests(10)
        self.file("u.jsonl", '{"t_us":0}\n')
        (self.dir / "s").mkdir()
        for name in ("file", "s/decisions.csv", "s/report.json", "s/g.svg"):
            self.file(name, "before\n")
        self.file("s/in.csv", "request_id,arrival_us\na,1\n")
        (self.dir / "decisions.csv").symlink_to("r.csv")
        run = ("--config", "c.yaml", "--requests", "r.csv", "--updates", "u.jsonl")
        before = self.tree()
        for arguments, message in (
                (("--out", "file"), "file: is not a folder"), (("--out", "file/sub"), "file/sub: cannot be written"),
                (("--out", "/proc/x"), "/proc/x: cannot be written"), (("--out", "s", "--plot", "s"), "is a folder"),
                (("--out", "s", "--plot", "/nosuch/x.svg"), "/nosuch/x.svg: cannot be written"),
                (("--out", "new/folder", "--plot", "/nosuch/x.svg"), "/nosuch/x.svg: cannot be written"),
                (("--out", "s", "--plot", "./c.yaml"), "--plot ./c.yaml: same file as --config"),
                (("--plot", "s/../u.jsonl"), "same file as --updates"), (("--out", "s", "--plot", "s/report.json"), "same file as --out"),
                (("--out", "."), "is not a regular file"), (("--plot", "/dev/null"), "is not a regular file"), (("--plot", "s/"), "is a folder")):
            self.refused(message, *run, *arguments)
            self.assertEqual(self.tree(), before, arguments)
        self.file("s/decisions.csv", "request_id,arrival_us\na,1\n")
        before = self.tree()
        self.refused("same file as --requests", "--config", "c.yaml", "--requests", "s/decisions.csv", "--out", "s")
        self.file("u.jsonl", '{"t_us":0,"backends":[{"id":"' + "b" * 300 + '"}]}\n')
        before = self.tree()
        self.refused("is no name", *run, "--out", "s", "--plot", "s/g.svg")
        self.refused("same file as --json", "compare", "wlc", "--json", "s/g.svg", "--plot", "s/../s/g.svg")
        self.refused("cannot be written", "compare", "wlc", "--json", "s/g.svg", "--plot", "/nosuch/x.svg")
        self.refused("is a folder", "train", "--out", "s", "--episodes", "1")
        self.assertEqual(self.tree(), before)

    def tree(self) -> dict[str, bytes]:
        return {str(p): p.read_bytes() if p.is_file() else b"" for p in self.dir.rglob("*")}

    def refused(self, message: str, *arguments: str) -> None:
        done = self.run_sim(*arguments, status=2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertLess(len(done.stderr), 1100)
        self.assertTrue(done.stderr[:-1].isprintable(), ascii(done.stderr))
        self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
