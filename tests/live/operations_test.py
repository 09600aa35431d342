#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every command and metric of docs/operations.md that a machine without systemd and real NICs can run, on a lab's fleet.

usage: operations_test.py BUILD_DIRECTORY; exit status 77 (skipped) where the machine cannot make a fleet.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from labkit.fleet import Fleet  # noqa: E402
from labkit.namespaces import connect_in  # noqa: E402
from labkit.plan import make_plan  # noqa: E402

LAB, FILE = "test-operations", "/etc/fairlead/fairlead.yaml"
# In the order of an operator's day; the last one ends the node's control.
COMMANDS = ["config share", "show status", "show fleet", "show digest", "show events", "config load FILE", "config diff",
            "config commit confirm 60s", "config confirm", "show config history", "drain backend b1 deadline 10m then remove",
            "undrain backend b1", "withdraw node", "announce node", "retire node deadline 30s"]
VERBS = ("config", "show", "drain", "undrain", "withdraw", "announce", "retire", "fairlead config")
NODE_METRICS = ("127.0.0.1", 9101)
MONITOR_METRICS = ("127.0.0.1", 9301)


def documented() -> tuple[set[str], set[str]]:
    """Commands and metrics of the page, in the words it has."""
    quoted = re.findall(r"`([^`]+)`", (ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    commands = {text.removeprefix("fairlead ") for text in quoted if text.startswith(tuple(v + " " for v in VERBS))}
    return commands, set(re.findall(r"\bfairlead_[a-z_]+", " ".join(quoted)))


def run(program: str, *words: str) -> str:
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def metrics(namespace: str, address: tuple[str, int]) -> str:
    with connect_in(namespace, address, 2.0) as peer:
        peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: peer.recv(65536), b"")).decode()


def shell_command(beginning: str) -> str:
    """The page's one command that begins so."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    return next(text for text in re.findall(r"`([^`]+)`", page) if text.startswith(beginning))


def install(build: Path, folder: Path) -> None:
    """Into a folder instead of the host's own."""
    command = shell_command("meson install").replace("-C build", f"-C {build} --no-rebuild --destdir {folder}")
    print(f"$ {command}", flush=True)
    subprocess.run(["sh", "-c", command], check=True, timeout=120, stdout=subprocess.DEVNULL)
    installed = {file.name for file in folder.rglob("*") if file.is_file()}
    missing = {"fairlead", "fairlead-control", "fairlead-dataplane", "fairlead-agent", "fairlead-monitor"} - installed
    if missing:
        raise SystemExit(f"not installed: {sorted(missing)}")


def mount(folder: Path) -> None:
    """In mounts of its own, which go with the command."""
    command = shell_command("mount -t tmpfs").replace("/run/fairlead", str(folder))
    print(f"$ {command}", flush=True)
    shown = subprocess.run(["unshare", "-m", "sh", "-c", f"{command} && grep ' {folder} ' /proc/mounts"], capture_output=True, text=True, check=False)
    if shown.returncode != 0 or "huge=advise" not in shown.stdout:
        raise SystemExit(f"{command}: {shown.stdout}{shown.stderr}")


def reserve_huge_pages() -> None:
    """And gives them back. The kernel reserves what it finds, so fewer than asked for is no failure; none is."""
    command = shell_command("echo 512 > ")
    file = Path(command.split("> ")[1])
    before = file.read_text(encoding="ascii")
    print(f"$ {command}", flush=True)
    try:
        subprocess.run(["sh", "-c", command], check=True)
        if int(file.read_text(encoding="ascii")) == 0:
            raise SystemExit(f"{command}: none were reserved")
    finally:
        file.write_text(before, encoding="ascii")


def prepare_host(build: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="fl_operations_") as name:
        install(build, Path(name))
        mount(Path(name))
    reserve_huge_pages()


def play(fleet: Fleet) -> None:
    cli, node = str(fleet.build / "fairlead"), fleet.plan.nodes[0]
    commands, names = documented()
    if commands != {*COMMANDS, f"config check {FILE}"}:
        raise SystemExit(f"the page and this test differ: {sorted(commands ^ {*COMMANDS, f'config check {FILE}'})}")
    changed = fleet.dir / "changed.yaml"
    changed.write_text(fleet.node_text(node, {name: 80 for name in fleet.pool()}), encoding="utf-8")
    run(cli, "config", "check", str(fleet.node_config(node)))
    pages = metrics(fleet.plan.namespace(node.name), NODE_METRICS)
    pages += "".join(metrics(fleet.plan.namespace(c.name), MONITOR_METRICS) for c in fleet.plan.centrals if c.kind == "monitor")
    missing = [name for name in sorted(names) if name not in pages]
    if missing:
        raise SystemExit(f"no such metrics: {missing}")
    for command in COMMANDS:
        print(f"$ fairlead {command}", flush=True)
        words = command.replace("FILE", str(changed)).split()
        print(run(cli, "--node", f"{LAB}-{node.name}", *words)[:400])
        if command == "config confirm":
            # Shared with the fleet: the other node has it in a moment.
            end = time.monotonic() + 20
            while "weight: 80" not in str(fleet.ask(fleet.plan.nodes[1], "show config")):
                if time.monotonic() > end:
                    raise SystemExit("the other node does not take what was confirmed")
                time.sleep(0.2)
    fleet.processes.wait_gone(node.name, "control", 40)


def main() -> int:
    build = Path(sys.argv[1])
    if os.geteuid() != 0 or shutil.which("etcd") is None:
        print("skipped: needs root and etcd (Debian: etcd-server)")
        return 77
    prepare_host(build.resolve())
    fleet = Fleet(replace(make_plan(LAB, 2, 3, 0, encapsulation="gue"), extra={"fleet": "on"}), build)
    try:
        fleet.up()
        play(fleet)
    finally:
        fleet.down()
    print("every command of docs/operations.md did what it says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
