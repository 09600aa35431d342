#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Unit tests of the pure parts of scripts/labkit: joining records, figures, configuration texts, routes."""
import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import yaml  # noqa: E402

from labkit import bird, command_line, configs, default_run, publication, records, report, routes  # noqa: E402
from labkit.digests import Spells  # noqa: E402
from labkit.plan import make_plan  # noqa: E402
from labkit.processes import Process, start_ticks  # noqa: E402
from labkit.records import Decision, Request  # noqa: E402
from labkit.report import Event, Samples  # noqa: E402


def request(number: int, arrival: int, latency: int = 10_000, backend: str = "b1", outcome: str = "ok",
            port: int = 2048) -> Request:
    start = arrival + 1000 if outcome == "ok" else None
    return Request(f"r{number}", arrival, ("10.99.0.10", port), backend, start, arrival + latency, outcome,
                   "" if outcome == "ok" else "timeout: no answer")


def decision(time: int, backend: str = "b1", node: str = "lb1", port: int = 2048) -> Decision:
    return Decision(time, ("10.99.0.10", port), "web", node, backend)


class Joining(unittest.TestCase):
    def test_takes_the_last_decision_before_completion(self) -> None:
        joined = records.join([request(1, 100, backend="b2")],
                              [decision(150, "b1"), decision(200, "b2", "lb2"), decision(999_999, "b3")])

        self.assertEqual((joined[0].decision.node, joined[0].decision.backend), ("lb2", "b2"))
        self.assertFalse(joined[0].disagrees)

    def test_an_answer_from_another_backend_disagrees(self) -> None:
        self.assertTrue(records.join([request(1, 100, backend="b2")], [decision(150, "b1")])[0].disagrees)

    def test_a_failed_request_keeps_its_row_and_the_logged_backend(self) -> None:
        joined = records.join([request(1, 100, backend="", outcome="failed")], [decision(150, "b7")])
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "decisions.csv")
            records.write_decisions(file, joined)
            self.assertEqual(file.read_text().splitlines()[1], "r1,100,lb1,b7,,,failed")

    def test_rows_are_in_order_of_arrival_and_none_is_lost(self) -> None:
        joined = records.join([request(2, 300, port=2), request(1, 100, port=1)], [])

        self.assertEqual([j.request.request_id for j in joined], ["r1", "r2"])

    def test_writes_ipv6_sources_one_way(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "d.csv")
            log.write_text("time_us,protocol,src_ip,src_port,dst_ip,dst_port,vip,node_id,backend_id\n"
                           "5,tcp,2001:db8:99:0:0:0:0:10,2048,2001:db8::1,80,web6,lb1,b1\n5,tcp,10.9")
            found = records.read_decisions([log])

        self.assertEqual([d.source for d in found], [("2001:db8:99::10", 2048)])


class Deaths(unittest.TestCase):
    def test_counts_what_was_on_the_dead_backend_and_only_that(self) -> None:
        joined = records.join(
            [request(1, 100, outcome="failed", backend="", port=1), request(2, 90_000, outcome="failed", backend="", port=2),
             request(3, 100, outcome="failed", backend="", port=3)],
            [decision(150, "b4", port=1), decision(90_100, "b4", port=2), decision(150, "b5", port=3)])

        self.assertEqual(records.lost_with_host(joined, [records.Death("b4", 5000, 5000)]), {"r1"})

    def test_a_connection_was_on_the_dead_node_by_its_log_or_because_no_other_had_it(self) -> None:
        failed = [request(n, 100, outcome="failed", backend="", port=n) for n in (1, 2, 3)]
        log = [decision(150, "b1", "lb3", port=1), decision(6000, "b2", "lb1", port=1),
               decision(6000, "b2", "lb1", port=2),  # the dead node's row was not written any more
               decision(150, "b1", "lb2", port=3)]

        lost = records.lost_with_node(records.join(failed, log), log, records.Death("lb3", 5000, 5000))

        self.assertEqual(lost, {"r1", "r2"})

    def test_a_request_that_ends_while_the_cable_is_pulled_met_the_death(self) -> None:
        ended = request(1, 100, latency=1000, outcome="failed")

        self.assertTrue(records.Death("lb3", 1000, 5000).met(ended))
        self.assertFalse(records.Death("lb3", 1200, 5000).met(ended))

    def test_last_new_connection_is_counted_from_the_death(self) -> None:
        log = [decision(1_000_000, "b4"), decision(3_500_000, "b4"), decision(9_000_000, "b5")]

        self.assertEqual(records.last_new_connection_s(log, "b4", 2_000_000), 1.5)
        self.assertEqual(records.last_new_connection_s(log, "b4", 4_000_000), 0.0)

    def test_gap_reaches_to_the_end_of_the_window(self) -> None:
        self.assertEqual(records.longest_gap_ms([decision(2000), decision(3000)], "lb1", 1000, 11_000), 8.0)

    def test_a_flow_decided_twice_alike_did_not_move(self) -> None:
        log = [decision(1, "b1", port=1), decision(2, "b1", port=1), decision(1, "b1", port=2), decision(2, "b2", port=2)]

        self.assertEqual(records.moved_flows(log), {("10.99.0.10", 2)})

    def test_only_what_was_on_a_dead_host_had_to_move(self) -> None:
        log = [decision(1_000_000, "b1", port=1), decision(2_000_000, "b2", port=1),  # b1 died
               decision(1_000_000, "b3", "lb2", port=2), decision(2_000_000, "b4", port=2),  # lb2 died
               decision(1_000_000, "b3", port=3), decision(2_000_000, "b4", port=3),  # nobody died
               decision(9_000_000, "b1", port=4), decision(9_500_000, "b4", port=4)]  # b1 was long dead

        moved = records.moved_flows(log) - records.had_to_move(
            log, [records.Death("b1", 1_500_000, 1_500_000), records.Death("lb2", 1_500_000, 1_500_000)])

        self.assertEqual(moved, {("10.99.0.10", 3), ("10.99.0.10", 4)})

    def test_a_flow_taken_on_by_two_living_nodes_is_doubled(self) -> None:
        log = [decision(1, node="lb1", port=1), decision(2, node="lb2", port=1), decision(1, node="lb1", port=2),
               decision(2, node="lb3", port=2), decision(3, node="lb1", port=2)]

        self.assertEqual(records.doubled_flows(log, {"lb1", "lb2"}), 1)


class Following(unittest.TestCase):
    def test_reads_what_control_logged_and_finds_what_no_worker_took_up(self) -> None:
        followed = publication.read_log(
            "t fairlead-control info published generation=7 slots_moved=12 decision_to_publish=1.250ms plan=1.100ms\n"
            "t fairlead-control info published generation=8 slots_moved=0 decision_to_publish=12.000ms plan=1.100ms\n"
            "t fairlead-control info acknowledged generation=7 decision_to_acknowledge=2.500ms\n")

        self.assertEqual(followed.published_ms, {7: 1.25, 8: 12.0})
        self.assertEqual(followed.acknowledged_ms, {7: 2.5})
        self.assertEqual(followed.never, [8])


class Differing(unittest.TestCase):
    def test_a_spell_lasts_from_the_first_look_that_differs_to_the_next_that_does_not(self) -> None:
        spells = Spells()
        for now, lb2 in ((1.0, "aaaa"), (1.5, "bbbb"), (2.0, "cccc"), (3.0, "aaaa"), (4.0, "bbbb"), (4.25, "aaaa")):
            spells.look(now, {"lb1": "aaaa", "lb2": lb2})
        self.assertEqual([(at, length) for at, length, _ in spells.spells], [(1.5, 1.5), (4.0, 0.25)])
        self.assertEqual(spells.longest_s(), 1.5)

    def test_a_node_that_does_not_count_differs_from_nobody(self) -> None:
        spells = Spells()
        spells.look(1.0, {"lb1": "aaaa"})
        spells.look(2.0, {})
        self.assertEqual(spells.longest_s(), 0.0)


class Processes(unittest.TestCase):
    def test_one_that_ended_before_it_was_looked_at_is_not_alive(self) -> None:
        with subprocess.Popen(["true"]) as child:
            pass
        ended = Process("server", "b1", child.pid, start_ticks(child.pid), ["true"], "")

        self.assertFalse(ended.alive())


class Arguments(unittest.TestCase):
    """Bad input: one line on standard error, exit status 2, nothing made."""

    def refusal(self, main: Callable[[list[str]], object], *words: str) -> str:
        told = io.StringIO()
        with contextlib.redirect_stderr(told), self.assertRaises(SystemExit) as end:
            main(list(words))
        self.assertEqual(end.exception.code, 2)
        self.assertEqual(told.getvalue().count("\n"), 1, told.getvalue())
        return told.getvalue()

    def test_of_the_lab(self) -> None:
        for words in ("up --nodes 0", "up --nodes 1e1", "up --nodes 010", "up --nodes 99", "up --backends x", "up --name ../x",
                      "up --name a/b", "up --policy best", "up --seed -1", "load --rate -5", "load --rate nan", "load --seconds inf",
                      "slow b1 0", "slow b1 -1", "slow b1 nan", "check reload --nodes 0", "check reload --seconds nan",
                      "check reload --seconds 1", "check reload --rate inf", "check reload --backends 0", "check reload --json /tmp",
                      "check x", "kill", "fly", "", "up --name x\x1b[2Jy"):
            with self.subTest(words):
                line = self.refusal(lambda given: command_line.parser().parse_args(given), *words.split(" ") if words else ())
                self.assertTrue(line[:-1].isprintable(), line)

    def test_of_an_empty_name(self) -> None:
        self.assertIn("is not a lab's name", self.refusal(lambda w: command_line.parser().parse_args(w), "up", "--name", ""))

    def test_of_the_default_run(self) -> None:
        for words in ("--rate 0", "--rate nan", "--seconds 0", "--nodes 0", "--policy best", "--out /etc/passwd", "--seed x",
                      "--colour", "extra"):
            with self.subTest(words):
                self.refusal(default_run.parse, *words.split())


class Figures(unittest.TestCase):
    def test_percentile_is_nearest_rank(self) -> None:
        self.assertEqual([report.percentile(list(range(1, 101)), share) for share in (0.5, 0.95, 0.99, 1.0)],
                         [50, 95, 99, 100])
        self.assertEqual(report.percentile([], 0.5), 0)
        self.assertEqual(report.percentile([7], 0.999), 7)

    def test_availability_counts_rejected_and_failed(self) -> None:
        joined = records.join([request(1, 0, port=1), request(2, 0, outcome="rejected", port=2),
                               request(3, 0, outcome="failed", port=3), request(4, 1_000_000, port=4)], [])

        made = report.make_report(joined, [], Samples(), [Event(1, "kill", "b4")], "adaptive", 1)

        self.assertEqual((made["requests"], made["ok"], made["rejected"], made["failed"]), (4, 2, 1, 1))
        self.assertEqual(made["availability"], 0.5)
        self.assertEqual(made["without_decision"], 4)
        self.assertTrue(report.verdict(made))

    def test_a_good_run_passes(self) -> None:
        joined = records.join([request(1, 100)], [decision(150)])

        self.assertEqual(report.verdict(report.make_report(joined, [], Samples(), [], "static", 1)), [])

    def test_slow_answers_do_not_pass(self) -> None:
        joined = records.join([request(1, 100, latency=200_001)], [decision(150)])

        self.assertIn("p95", report.verdict(report.make_report(joined, [], Samples(), [], "static", 1))[0])

    def test_no_request_does_not_pass(self) -> None:
        self.assertTrue(report.verdict(report.make_report([], [], Samples(), [], "static", 1)))

    def test_node_latency_is_weighted_by_flows_and_unknown_without_nodes(self) -> None:
        samples = Samples(node_mean_us={"lb1": 10.0, "lb2": 40.0}, node_p99_us={"lb1": 20.0, "lb2": 90.0},
                          node_flows={"lb1": 200, "lb2": 100})

        self.assertEqual(report.node_latency(samples), {"mean": 20.0, "p99": 90.0})
        self.assertEqual(report.node_latency(Samples()), {"mean": None, "p99": None})


class Texts(unittest.TestCase):
    def test_node_configuration_lists_the_members_for_both_families(self) -> None:
        plan = make_plan(backends=3)

        config = yaml.safe_load(configs.node_yaml(plan, plan.nodes[1], {"b1": 100, "b3": 7}, "/x.csv", "/hook"))

        self.assertEqual(config["node"]["address"], "10.77.1.2")
        self.assertEqual([(b["id"], b["weight"]) for b in config["vips"][0]["backends"]], [("b1", 100), ("b3", 7)])
        self.assertEqual(config["vips"][1]["backends"][1]["address"], "10.77.2.3")

    def test_agent_accepts_tunnels_from_every_node(self) -> None:
        plan = make_plan(nodes=2)

        config = yaml.safe_load(configs.agent_yaml(plan, plan.backend("b2"), "/run/x"))

        self.assertEqual(config["nodes"], ["10.77.1.1", "fd77::1:1", "10.77.1.2", "fd77::1:2"])

    def test_router_spreads_over_serving_nodes_only(self) -> None:
        nodes = {"lb1": ("10.77.1.1", "fd77::1:1"), "lb2": ("10.77.1.2", "fd77::1:2")}

        self.assertIn("nexthop replace id 102 via 10.77.1.2 dev fabric", routes.make_nexthops(nodes))
        lines = routes.commands(nodes, ["lb2"], ["lb1", "lb2"])
        self.assertEqual([line.split(" type")[0] for line in lines],
                         ["nexthop replace id 100 group 102", "nexthop replace id 200 group 202"])
        self.assertTrue(all("del" in line for line in routes.commands(nodes, [], ["lb1"])))

    def test_router_with_bird_tells_its_nodes(self) -> None:
        one = '[{"dst": "203.0.113.10", "gateway": "10.77.1.2", "dev": "fabric"}]'
        two = '[{"nexthops": [{"gateway": "10.77.1.1", "weight": 1}, {"gateway": "10.77.1.2", "weight": 1}]}]'

        self.assertEqual([bird.gateways(text) for text in (one, two, "[]", "")],
                         [{"10.77.1.2"}, {"10.77.1.1", "10.77.1.2"}, set(), set()])

    def test_sessions_that_the_router_gave_up(self) -> None:
        log = ("2026-11-27 03:44:25.070 <TRACE> lb3: BFD session down\n2026-11-27 03:44:25.070 <TRACE> lb3: BGP session closed\n"
               "2026-11-27 03:44:26.500 <TRACE> lb12: BGP session closed\n")

        lost = bird.sessions_lost(log)

        self.assertEqual([node for _, node in lost], ["lb3", "lb12"])
        self.assertEqual(lost[1][0] - lost[0][0], 1_430_000)

    def test_a_node_with_bird_has_its_socket(self) -> None:
        plan = replace(make_plan(nodes=1), extra={"fleet": "on", "bird": "on"})

        text = configs.node_yaml(plan, plan.nodes[0], {"b1": 100}, "/tmp/log", "/tmp/hook")

        self.assertEqual(yaml.safe_load(text)["routes"], {"bird": "/run/fairlead/fleet-lb1/bird.ctl"})


if __name__ == "__main__":
    unittest.main()
