#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every query of the Grafana dashboard finds something in a real Prometheus that scrapes a live node.

usage: dashboard_test.py CONTROL DATAPLANE DASHBOARD; exit status 0 passed, 1 failed, 77 skipped.

A control daemon with a vip of two backends (one of them dead), a data plane that receives SYNs from a file, one load
report each by the control socket; and a second control daemon with another pool, whose tables differ. promtool checks the
page's names against Prometheus' conventions.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

DEADLINE_S = 60.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for(what: str, condition):
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            value = condition()
        except OSError:
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_S:.0f} s in vain: {what}")
        time.sleep(0.05)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


class Prometheus:
    def __init__(self, folder: Path, scraped: list[int]) -> None:
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: fairlead\n"
                          f"    static_configs: [{{targets: {[f'127.0.0.1:{port}' for port in scraped]}}}]\n")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{self.port}"], stderr=(folder / "prometheus.log").open("w"))

    def ask(self, path: str, **arguments: str):
        reply = json.loads(get(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"))
        assert reply["status"] == "success", reply
        return reply["data"]


def ask_control(path: Path, command: str, **arguments):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        link.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
        reply = json.loads(link.makefile().readline())
    assert reply["ok"], reply
    return reply["result"]


def queries(dashboard: dict) -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]


def filled_in(expression: str, node: str = ".*") -> str:
    return expression.replace("$__rate_interval", "10s").replace("$node", node).replace("$vip", ".*")


def config_text(folder: Path, metrics: int, alive: int, dead: int) -> str:
    return (
        f"node: {{id: dash, address: 192.0.2.11, runtime_dir: {folder}/run}}\n"
        f"metrics: {{listen: '127.0.0.1:{metrics}'}}\nmonitoring: {{listen: off}}\n"
        "health: {interval: 100ms, timeout: 80ms}\n"
        f"ports: [{{device: 'net_pcap0,rx_pcap={folder}/syns.pcap,tx_pcap=/dev/null,infinite_rx=1', gateway_mac: '02:00:00:00:00:01'}}]\n"
        "workers: {count: 1, cores: [0]}\nmemory: {hugepages: off, flows_per_worker: 1024}\n"
        "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
        f"      {{id: b1, address: 127.0.0.2, health_port: {alive}}}, {{id: b2, address: 127.0.0.3, health_port: {dead}}}]}}\n")


def write_syns(path: Path) -> None:
    """64 clients of the vip, over and over again: only packets that are forwarded have a latency."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for client in range(64):
            address = socket.inet_aton("198.51.100.7") + socket.inet_aton("203.0.113.10")
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, client, 0x4000, 64, 6, 0) + address
            total = sum(struct.unpack(">10H", ip))
            total = (total & 0xffff) + (total >> 16)
            ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xffff) + ip[12:]
            tcp = struct.pack(">HHIIBBHHH", 40_000 + client, 80, 1, 0, 0x50, 0x02, 65535, 0, 0)
            frame = bytes.fromhex("0200000000aa0200000000bb0800") + ip + tcp
            frame += bytes(60 - len(frame))
            out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def other_node(folder: Path, metrics: int) -> str:
    return (f"node: {{id: other, address: 192.0.2.12, runtime_dir: {folder}/other}}\n"
            f"metrics: {{listen: '127.0.0.1:{metrics}'}}\nmonitoring: {{listen: off}}\nhealth: {{type: none}}\n"
            "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b9, address: 127.0.0.9}]}]\n")


def count_tables(prometheus: Prometheus, dashboard: dict, metrics: int) -> None:
    """The panel counts tables, not nodes or series: two that differ are 2, one node is 1."""
    [expression] = [e for _, e in queries(dashboard) if "table_digest" in e]

    def answer(nodes: str) -> str:
        [row] = prometheus.ask("query", query=filled_in(expression, nodes))["result"]
        return row["value"][1]

    wait_for("two different tables are counted", lambda: answer(".*") == "2")
    assert answer(f"127.0.0.1:{metrics}") == "1", answer(f"127.0.0.1:{metrics}")


def check_names(page: str) -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(control: str, plane: str, dashboard: dict, folder: Path, processes: list[subprocess.Popen]) -> None:
    metrics, other_metrics, dead = free_port(), free_port(), free_port()
    listener = socket.create_server(("127.0.0.2", 0))
    config = folder / "c.yaml"
    write_syns(folder / "syns.pcap")
    config.write_text(config_text(folder, metrics, listener.getsockname()[1], dead))
    processes.append(subprocess.Popen([control, "--config", str(config), "--no-gate"], stderr=(folder / "control.log").open("w")))
    command = folder / "run/control.sock"
    wait_for("control", lambda: ask_control(command, "show status")["generation"] > 0)
    processes.append(subprocess.Popen([plane, "--config", str(config)], stderr=(folder / "plane.log").open("w")))
    wait_for("workers", lambda: ask_control(command, "show status")["dataplane"]["workers"] == 1)
    other = folder / "other.yaml"
    other.write_text(other_node(folder, other_metrics))
    processes.append(subprocess.Popen([control, "--config", str(other), "--no-gate"], stderr=(folder / "other.log").open("w")))
    wait_for("the other control", lambda: ask_control(folder / "other/control.sock", "show status")["generation"] > 0)
    prometheus = Prometheus(folder, [metrics, other_metrics])
    processes.append(prometheus.process)
    wait_for("a scrape of both", lambda: len(prometheus.ask("query", query="up == 1")["result"]) == 2)
    count_tables(prometheus, dashboard, metrics)
    check_names(get(f"http://127.0.0.1:{metrics}/metrics"))
    completed = 0

    def found(expression: str):
        nonlocal completed
        completed += 1
        for backend in ("b1", "b2"):
            ask_control(command, "report load", reports=[{"backend": backend, "cpu": 0.5, "latency_us": 900, "completed": completed}])
        rows = prometheus.ask("query", query=expression)["result"]
        return [row for row in rows if row["value"][1] != "NaN" or "quantile" not in expression]

    for title, expression in queries(dashboard):
        wait_for(f"panel '{title}': {expression}", lambda: found(filled_in(expression)))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        assert any(label in series for series in prometheus.ask("series", **{"match[]": metric})), variable["name"]
    print(f"{len(queries(dashboard))} queries found something")


def main() -> int:
    control, plane, file = sys.argv[1:4]
    if os.geteuid() != 0 or shutil.which("prometheus") is None:
        print("skipped: needs root and Debian's package prometheus")
        return 77
    dashboard = json.loads(Path(file).read_text())
    folder = Path(tempfile.mkdtemp(prefix="fl_dash_"))
    processes: list[subprocess.Popen] = []
    try:
        run(control, plane, dashboard, folder, processes)
        return 0
    except AssertionError as error:
        print(error)
        for log in folder.glob("*.log"):
            print(f"--- {log.name}", *log.read_text().splitlines()[-8:], sep="\n")
        return 1
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
