#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Control at scale, live on the loopback: what a thousand probes cost, and how soon a death is seen.

usage: health_scale.py CONTROL [SECONDS]; exit status 0 held, 1 not, 77 skipped.

1000 backends (127.1.x.y, one nginx serves them all) are probed by HTTP once a second. CPU: of fairlead-control,
with its loopback work in the kernel, as a share of one core. Then all stop answering at once, three times: the time
from there to each transition, against fall x interval + timeout.
"""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from waiting import wait_for

BACKENDS = 1000
INTERVAL_S, TIMEOUT_S, FALL = 1.0, 0.5, 2
CPU_BOUND = 0.15
ROUNDS = 3


def address(number: int) -> str:
    return f"127.1.{number // 250}.{number % 250 + 1}"


def write_config(folder: Path, port: int, metrics: int) -> Path:
    lines = [
        f"node: {{id: scale, address: 192.0.2.11, runtime_dir: {folder}/run}}",
        f"metrics: {{listen: '127.0.0.1:{metrics}'}}", "monitoring: {listen: off}", "policy: {name: static}", "memory: {steering_bank: 64MiB}",
        f"health: {{type: http, interval: {INTERVAL_S * 1000:.0f}ms, timeout: {TIMEOUT_S * 1000:.0f}ms, fall: {FALL}}}",
        "vips:",
    ]
    for vip in range(100):
        lines.append(f"  - {{name: v{vip}, address: 203.0.{113 + vip // 200}.{vip % 200 + 1}, port: {port}, backends: [")
        lines += [f"      {{id: b{n}, address: {address(n)}}}," for n in range(vip, BACKENDS, 100)]
        lines.append("    ]}")
    file = folder / "c.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def start_nginx(folder: Path, port: int) -> subprocess.Popen:
    conf = folder / "nginx.conf"
    conf.write_text(f"""daemon off; worker_processes 1; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t; server {{ listen 0.0.0.0:{port} backlog=4096; return 200 "ok"; }} }}
""")
    return subprocess.Popen(["nginx", "-p", str(folder), "-c", str(conf)], stderr=subprocess.DEVNULL)


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def total(text: str, name: str) -> float:
    return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def up(metrics: int) -> int:
    try:
        return int(total(scrape(metrics), "fairlead_backend_up"))
    except OSError:
        return -1


def deaths(nginx: subprocess.Popen, log: Path, metrics: int) -> list[float]:
    """Seconds from the deaths to the log line of each transition, which is written in the turn that publishes. A
    stopped nginx is a host that hangs: the kernel still accepts, nobody answers, every probe waits for its timeout."""
    out: list[float] = []
    for _ in range(ROUNDS):
        size = log.stat().st_size
        died = time.time()
        nginx.send_signal(signal.SIGSTOP)
        try:
            wait_for("deaths are seen", lambda: up(metrics) == 0, pause=0.02)
            with log.open("rb") as file:
                file.seek(size)
                text = file.read().decode()
            out += [stamp_seconds(line.split()[0]) - died for line in text.splitlines() if " backend down " in line]
        finally:
            nginx.send_signal(signal.SIGCONT)
        wait_for("all are back", lambda: up(metrics) == BACKENDS, pause=0.02)
    return sorted(out)


def stamp_seconds(stamp: str) -> float:
    day, rest = stamp.split("T")
    clock, fraction = rest.rstrip("Z").split(".")
    return time.mktime(time.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S")) - time.timezone + float(f"0.{fraction}")


def main() -> int:
    control, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    if shutil.which("nginx") is None:
        print("skipped: nginx is not installed")
        return 77
    folder = Path(tempfile.mkdtemp(prefix="fl_scale_"))
    port, metrics = 18080, 19101
    config = write_config(folder, port, metrics)
    nginx = start_nginx(folder, port)
    log = folder / "log"
    daemon = subprocess.Popen([control, "--config", str(config), "--no-gate"], stderr=log.open("w"))
    try:
        wait_for("all are up", lambda: up(metrics) == BACKENDS, pause=0.02)
        time.sleep(3 * INTERVAL_S)  # the first burst has spread
        shares = []
        for _ in range(3):
            probes, cpu, began = total(scrape(metrics), "fairlead_backend_probes_total"), cpu_seconds(daemon.pid), time.monotonic()
            time.sleep(seconds / 3)
            passed = time.monotonic() - began
            used = cpu_seconds(daemon.pid) - cpu
            rate = (total(scrape(metrics), "fairlead_backend_probes_total") - probes) / passed
            shares.append(used / passed)
            print(f"{rate:.0f} probes/s: {used / passed * 100:.1f} % of a core", flush=True)
        print(log.read_text().splitlines()[-1])
        took = deaths(nginx, log, metrics)
        bound = FALL * INTERVAL_S + TIMEOUT_S
        print(f"{len(took)} deaths: median {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s, bound {bound:.2f} s")
        return 0 if min(shares) <= CPU_BOUND and took[-1] <= bound else 1
    finally:
        for process in (daemon, nginx):
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
