# SPDX-License-Identifier: BSD-3-Clause
"""Cases of dataplane_test.py about what an operator is told of takeovers, and what is refused and cleaned up."""
from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from gate_cases import gate, unload, write
from lone_node import ACK, AF_XDP, CLIENTS, SYN, LoneNode, gateway, send, tunnelled, wait_for


def case_gate_tells(build: Path) -> None:
    """Each takeover and hand-back is one event with its cause; the gate's books are open before there is a data plane; what
    was in the socket of a process that hung and was killed is counted."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")
        write(node, {"b1": 100, "b2": 100})
        node.start_control()
        with node.peer_socket() as raw:
            wait_for("the gate forwards", lambda: send(node, raw, SYN, CLIENTS[:1]) or tunnelled(raw, 1, 0.3))
            row = show(node, "stats")["workers"][0]
            assert row["rx_packets"] > 0 and gate(node)["packets"] == row["rx_packets"], (row, gate(node))
            assert "no data plane yet" in gate(node)["forwards"], gate(node)
            start(node)
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            end(node, signal.SIGTERM, "stopped")
            start(node)
            stale = gate(node)["takeovers_stale"]
            assert "blind_to_exits" not in gate(node) and (node.folder / "run/bpf/exits_link").exists(), gate(node)
            end(node, signal.SIGKILL, "died")
            start(node)
            end(node, signal.SIGABRT, "died")
            assert gate(node)["takeovers_stale"] == stale, "a death was taken for a hang"
            start(node)
            old = node.process.pid
            node.start("--replace")
            wait_for("the upgrade is told", lambda: told(node, "down").startswith(f"upgrade: pid {old}"))
            claimed(node)
            node.process.send_signal(signal.SIGSTOP)
            send(node, raw, ACK)  # into the socket
            wait_for("the hang is told", lambda: told(node, "down").startswith("hung"))
            stuck = len(CLIENTS) - len(tunnelled(raw, len(CLIENTS), 0.3))
            node.process.kill()
            node.process.wait()
            start(node)
            drops = {r["name"]: r["drops"] for r in show(node, "drop")["reasons"]}
            assert stuck > 0 and drops["lost_in_socket"] == stuck, (stuck, drops["lost_in_socket"])
            assert f"{stuck} were lost" in told(node, "up") and "hung, then ended" in told(node, "up"), told(node, "up")
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before
        causes = [e["cause"].split(":")[0] for e in events(node) if e["what"] == "down"]
        assert causes == ["stopped", "died", "died", "upgrade", "hung"], events(node)
        die_unseen(node)
        unload(node)


def die_unseen(node: LoneNode) -> None:
    """The data plane ends while control is away."""
    pid = node.process.pid
    node.control.kill()
    node.control.wait()
    node.stop(signal.SIGKILL)
    (node.folder / "run/control.sock").unlink()  # that there is one says that the next control answers
    node.start_control()
    wait_for("it is told of", lambda: told(node, "down") == f"ended while control was away: pid {pid}; the gate forwards")
    plane = show(node, "status")["dataplane"]
    assert (plane["running"], plane["pid"], plane["workers"]) == (False, pid, 0) and "heartbeat_age_ms" not in plane, plane


def case_gate_held(build: Path) -> None:
    """The gate of a running data plane is not taken off, nor is that of another node in the way of an attach; each is said in a
    line that names who it is, and nothing is left behind."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        write(node, {"b1": 100})
        node.start_control()
        start(node)
        other = node.folder / "other.yaml"
        other.write_text(node.config.read_text().replace(f"{node.folder}/run", f"{node.folder}/run2"))
        refused = control(node, "--config", str(other))
        line = f"the gate of the Fairlead node in {node.folder}/run; stop that node and take its gate off: "
        assert refused.returncode != 0 and line in refused.stderr, refused.stderr
        assert f"{node.folder}/run2" not in Path("/proc/mounts").read_text(), "a mount is left"
        assert not (node.folder / "run2/bpf").exists(), "a folder for pins is left"
        node.control.kill()
        node.control.wait()
        refused = control(node, "--unload", "--config", str(node.config))
        assert refused.returncode != 0 and refused.stderr.count("\n") == 1, refused.stderr
        assert f"fairlead-dataplane runs (pid {node.process.pid})" in refused.stderr, refused.stderr
        assert "prog/xdp" in node.in_node("ip", "-d", "link", "show"), "the gate was taken off under a data plane"
        assert node.stop() == 0
        done = control(node, "--unload", "--config", str(node.config))
        assert done.returncode == 0 and done.stdout.startswith(f"removed from {node.folder}/run/bpf: the gate's program, "), done
        done = control(node, "--unload", "--config", str(node.config))
        assert done.returncode == 0 and done.stdout.startswith("nothing to remove"), done


def control(node: LoneNode, *options: str) -> subprocess.CompletedProcess[str]:
    """A control that ends by itself."""
    return subprocess.run(["nsenter", f"--net=/run/netns/{node.node_ns}", str(node.build / "fairlead-control"), *options],
                          capture_output=True, text=True, timeout=20, check=False)


def show(node: LoneNode, what: str) -> dict:
    return json.loads(node.cli("--json", "show", what))


def events(node: LoneNode) -> list[dict]:
    return json.loads(node.cli("--json", "show", "events", "dataplane"))["events"]


def told(node: LoneNode, what: str) -> str:
    """The cause of the newest event that says so."""
    return next((e["cause"] for e in reversed(events(node)) if e["what"] == what), "")


def claimed(node: LoneNode) -> None:
    pid = node.process.pid
    wait_for("the hand-back is told", lambda: gateway(node) and told(node, "up").startswith(f"pid {pid} forwards"))


def start(node: LoneNode) -> None:
    node.start()
    claimed(node)


def end(node: LoneNode, number: signal.Signals, cause: str) -> None:
    pid = node.process.pid
    node.stop(number)
    wait_for(f"it is told that it was {cause}", lambda: told(node, "down") == f"{cause}: pid {pid}; the gate forwards")
    assert f": {cause}, pid {pid}; " in gate(node)["forwards"], gate(node)
