#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every query of the Grafana dashboard finds something in a real Prometheus that scrapes a live node.

usage: dashboard_test.py CONTROL DATAPLANE DASHBOARD; exit status 0 passed, 1 failed, 77 skipped.

A control daemon with a vip of two backends (one of them dead), a data plane on a port without packets, one load report
each by the control socket. promtool checks the page's names against Prometheus' conventions.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
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
    def __init__(self, folder: Path, scraped: int) -> None:
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: fairlead\n"
                          f"    static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]\n")
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


def filled_in(expression: str) -> str:
    return expression.replace("$__rate_interval", "10s").replace("$node", ".*").replace("$vip", ".*")


def config_text(folder: Path, metrics: int, alive: int, dead: int) -> str:
    return (
        f"node: {{id: dash, address: 192.0.2.11, runtime_dir: {folder}/run}}\n"
        f"metrics: {{listen: '127.0.0.1:{metrics}'}}\nmonitoring: {{listen: off}}\n"
        "health: {interval: 100ms, timeout: 80ms}\nports: [{device: 'net_null0,no-rx=1', gateway_mac: '02:00:00:00:00:01'}]\n"
        "workers: {count: 2, cores: [0, 0]}\nmemory: {hugepages: off, flows_per_worker: 1024}\n"
        "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
        f"      {{id: b1, address: 127.0.0.2, health_port: {alive}}}, {{id: b2, address: 127.0.0.3, health_port: {dead}}}]}}\n")


def check_names(page: str) -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(control: str, plane: str, dashboard: dict, folder: Path, processes: list[subprocess.Popen]) -> None:
    metrics, dead = free_port(), free_port()
    listener = socket.create_server(("127.0.0.2", 0))
    config = folder / "c.yaml"
    config.write_text(config_text(folder, metrics, listener.getsockname()[1], dead))
    processes.append(subprocess.Popen([control, "--config", str(config), "--no-gate"], stderr=(folder / "control.log").open("w")))
    command = folder / "run/control.sock"
    wait_for("control", lambda: ask_control(command, "show status")["generation"] > 0)
    processes.append(subprocess.Popen([plane, "--config", str(config)], stderr=(folder / "plane.log").open("w")))
    wait_for("workers", lambda: ask_control(command, "show status")["dataplane"]["workers"] == 2)
    prometheus = Prometheus(folder, metrics)
    processes.append(prometheus.process)
    wait_for("a scrape", lambda: prometheus.ask("query", query="up == 1")["result"])
    check_names(get(f"http://127.0.0.1:{metrics}/metrics"))
    completed = 0

    def found(expression: str):
        nonlocal completed
        completed += 1
        for backend in ("b1", "b2"):
            ask_control(command, "report load", reports=[{"backend": backend, "cpu": 0.5, "latency_us": 900, "completed": completed}])
        return prometheus.ask("query", query=expression)["result"]

    for title, expression in queries(dashboard):
        if "latency_seconds" in expression and "node" in expression.split("{")[0]:
            prometheus.ask("query", query=filled_in(expression))  # no packets, no latency: it must only parse
            continue
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
