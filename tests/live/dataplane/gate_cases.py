# SPDX-License-Identifier: BSD-3-Clause
"""Cases of dataplane_test.py in which the gate takes over: several queues, several forms of XDP."""
from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

from client_cases import ask_echo
from lone_node import ACK, AF_XDP, CLIENTS, SYN, VIP, LoneNode, gateway, send, tunnelled, wait_for

QUEUES = 3


def case_gate_queues(build: Path) -> None:
    """Three queues, a worker each. Killed, all three are the gate's: every flow stays where it is, and new ones begin
    where the table in force says; started again, the workers find both. `--unload` leaves nothing."""
    with LoneNode(build, AF_XDP, workers=QUEUES, queues=QUEUES) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")  # else a veth drops what XDP sends to it
        write(node, {"b1": 100, "b2": 100})
        node.start_control()
        node.start()
        wait_for("gateway resolved", lambda: gateway(node))
        wait_for("table in force", lambda: node.status()["generation"] >= 1)
        assert gate(node)["mode"] == "native" and gate(node)["forwards_for"] == [], gate(node)
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before and len(set(before.values())) == 2
            spread = [core["flows"] for core in node.ask("show core")["result"]["cores"]]
            assert sum(spread) == len(CLIENTS) and min(spread) > 0, spread
            node.cli("drain", "backend", "b1")
            wait_for("drain in force", lambda: node.status()["generation"] >= 2)
            node.stop(signal.SIGKILL)
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before, "flows moved or were lost in the gate"
            wait_for("all queues are the gate's", lambda: gate(node)["forwards_for"] == list(range(QUEUES)))
            again = restart_control(node)
            while again.is_alive():
                send(node, raw, ACK)
                assert tunnelled(raw, len(CLIENTS)) == before, "a new control took the gate's next hops away"
            fresh = [(f"198.51.101.{i + 1}", 3000) for i in range(60)]
            send(node, raw, SYN, fresh)
            new = tunnelled(raw, len(fresh))
            assert len(new) == len(fresh) and set(new.values()) == {"10.88.0.2"}, new
            send(node, raw, ACK, fresh)
            assert tunnelled(raw, len(fresh)) == new
            node.start()
            wait_for("the workers have claimed", lambda: gate(node)["forwards_for"] == [])
            send(node, raw, ACK, CLIENTS + fresh)
            assert tunnelled(raw, len(CLIENTS) + len(fresh)) == before | new, "flows moved on the way back"
            node.cli("set", "worker", "count", "1")
            node.stop(signal.SIGKILL)
            received = received_by_worker(node)
            send(node, raw, ACK, CLIENTS + fresh)
            assert tunnelled(raw, len(CLIENTS) + len(fresh)) == before | new, "flows moved with their workers"
            wait_for("all queues are worker 0's in the gate too",
                     lambda: received_by_worker(node)[0] >= received[0] + len(CLIENTS) + len(fresh))
            assert received_by_worker(node)[1:] == received[1:], "queues of workers that do not run any more"
            node.start()
        assert node.stop() == 0
        unload(node)


def case_gate_flush(build: Path) -> None:
    """No data plane runs and the gate forwards from the tables that `flush flow ... file` flushes: it is kept out of one bucket at a
    time and loses no packet. What is flushed is decided anew, books and entries agree, and a data plane goes on with it."""
    with LoneNode(build, AF_XDP, workers=QUEUES, queues=QUEUES) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")
        write(node, {"b1": 100, "b2": 100})
        node.start_control()
        node.start()
        wait_for("the workers have claimed", lambda: gateway(node) and gate(node)["forwards_for"] == [])
        with node.peer_socket() as raw:
            for flags in (SYN, ACK):
                send(node, raw, flags)
                before = tunnelled(raw, len(CLIENTS))
            assert len(set(before.values())) == 2, before
            node.cli("drain", "backend", "b1")
            wait_for("drain in force", lambda: node.status()["generation"] >= 2)
            node.stop(signal.SIGKILL)
            of_b1 = list(before.values()).count("10.88.0.1")
            flush = subprocess.Popen(
                [str(build / "fairlead"), "--json", "flush", "flow", "backend", "b1", "rate", f"{of_b1}/s", "file",
                 str(node.folder / "run")], stdout=subprocess.PIPE, text=True)
            rounds = 0
            while flush.poll() is None:
                send(node, raw, ACK)
                now = tunnelled(raw, len(CLIENTS))
                assert len(now) == len(CLIENTS), f"{len(CLIENTS) - len(now)} packets were lost beside the flush"
                assert all(where in (before[client], "10.88.0.2") for client, where in now.items()), now
                rounds += 1
            assert flush.stdout is not None
            done = json.loads(flush.stdout.read())
            assert rounds > 3 and done["complete"] and done["flushed"] == of_b1 and len(done["workers"]) == QUEUES, (rounds, done)
            send(node, raw, ACK)
            after = tunnelled(raw, len(CLIENTS))
            assert set(after.values()) == {"10.88.0.2"}, after
            listed = json.loads(node.cli("--json", "show", "flow", "list", "limit", "1000"))["flows"]
            total = json.loads(node.cli("--json", "show", "stats"))["total"]
            assert len(listed) == total["flows"] == len(CLIENTS), (len(listed), total)
            assert total["flow_flushed"] == of_b1, total
            node.start()
            wait_for("the workers have claimed", lambda: gate(node)["forwards_for"] == [])
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == after
        assert node.stop() == 0
        unload(node)


def restart_control(node: LoneNode) -> threading.Thread:
    """Kills it; the thread ends when the next one answers."""
    assert node.control is not None
    node.control.kill()
    node.control.wait()
    (node.folder / "run/control.sock").unlink()
    again = threading.Thread(target=node.start_control)
    again.start()
    return again


def received_by_worker(node: LoneNode) -> list[int]:
    return [row["rx_packets"] for row in json.loads(node.cli("--json", "show", "stats"))["workers"]]


def case_gate_mac(build: Path) -> None:
    """The interface gets another MAC address: both planes take what is sent to the new one, and the status says which it is."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")
        write(node, {"b1": 100, "b2": 100})
        node.start_control()
        node.start()
        wait_for("the worker has claimed", lambda: gateway(node) and gate(node)["forwards_for"] == [])
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            mac = "02:00:00:00:77:01"
            node.in_node("ip", "link", "set", "fl0", "address", mac)
            wait_for("control sees it", lambda: gate(node)["mac"] == mac)
            for plane in ("data plane", "gate"):
                if plane == "gate":
                    node.stop(signal.SIGKILL)
                # Not at once: the kernel forgets its neighbours with the address.
                wait_for(plane, lambda: send(node, raw, ACK) or tunnelled(raw, len(CLIENTS), 0.5) == before)
            assert gate(node)["gateway4"] == node.peer_mac(), gate(node)
        unload(node)


def case_gate_vips(build: Path) -> None:
    """A vip that comes while the node runs is the gate's too. It finds most packets' vips in the table in force; its own list of vips is
    for those that have no port, of which an echo request is one."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")
        node.in_peer("ip", "route", "add", VIP, "via", "10.77.0.1")
        write(node, {"b1": 100, "b2": 100})
        with_vip = node.config.read_text()
        node.config.write_text(with_vip.replace(VIP, "203.0.113.99"))
        node.start_control()
        node.start()
        wait_for("the worker has claimed", lambda: gateway(node) and gate(node)["forwards_for"] == [])
        assert not answers(node), "it is no vip yet"
        node.config.write_text(with_vip)
        node.cli("config", "reload")
        wait_for("the data plane answers", lambda: answers(node))
        node.stop(signal.SIGKILL)
        wait_for("the gate answers", lambda: answers(node))
        unload(node)


def answers(node: LoneNode) -> bool:
    try:
        ask_echo(node, VIP, 0.5)
    except TimeoutError:
        return False
    return True


def case_gate_layout(build: Path) -> None:
    """Control and then, in one step, the data plane are upgraded to a release with another layout: the regions are made anew, the old
    process is found and ends, and connections go on by their candidates."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")
        write(node, {"b1": 100, "b2": 100})
        node.start_control()
        node.start()
        wait_for("the worker has claimed", lambda: gateway(node) and gate(node)["forwards_for"] == [])
        old = node.process
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            before = tunnelled(raw, len(CLIENTS))
            for name in ("steering", "scores", "workers", "flows_0"):
                make_old(node, name)
            restart_control(node).join()
            wait_for("gate resolved", lambda: send(node, raw, ACK) or len(tunnelled(raw, len(CLIENTS), 0.5)) == len(CLIENTS))
            node.start("--replace")
            assert old.wait(timeout=10) == 0, "the predecessor was not asked to end"
            wait_for("the new worker has claimed", lambda: gateway(node) and gate(node)["forwards_for"] == [])
            send(node, raw, ACK)
            assert tunnelled(raw, len(CLIENTS)) == before
        assert node.stop() == 0
        unload(node)


def make_old(node: LoneNode, name: str) -> None:
    """Another layout version in a region's header (fl_region_header), as if another release had made it."""
    pin = ("pinned", f"{node.folder}/run/bpf/{name}", "key", "0", "0", "0", "0")
    line = json.loads(node.run("bpftool", "-j", "map", "lookup", *pin))["value"]
    line[8] = hex(int(line[8], 16) + 1)
    node.run("bpftool", "map", "update", *pin, "value", *line)


def case_gate_fits(build: Path) -> None:
    """A worker that runs by fits, on a crowded core: it never runs long enough to claim its queue again, but what came before the
    gate took it is sent all the same, and not lost when it ends."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_peer("ethtool", "-K", "fl1", "gro", "on")
        write(node, {"b1": 100, "b2": 100})
        node.start_control()
        node.start()
        wait_for("gateway resolved", lambda: gateway(node))
        wait_for("the worker has claimed", lambda: gate(node)["forwards_for"] == [])
        with node.peer_socket() as raw:
            for end in (False, True):
                send(node, raw, SYN)
                before = tunnelled(raw, len(CLIENTS))
                taken = gate(node)["takeovers_stale"]
                node.process.send_signal(signal.SIGSTOP)
                send(node, raw, ACK)  # into the socket
                fresh = [("198.51.101.1", 3000 + end)]
                wait_for("the gate has the queue", lambda: send(node, raw, SYN, fresh) or gate(node)["takeovers_stale"] > taken)
                late = {}
                if end:
                    node.process.send_signal(signal.SIGTERM)
                    node.process.send_signal(signal.SIGCONT)
                    assert node.process.wait(timeout=10) == 0
                for _ in range(0 if end else 300):
                    node.process.send_signal(signal.SIGCONT)
                    time.sleep(0.004)
                    node.process.send_signal(signal.SIGSTOP)
                    time.sleep(0.012)
                    late |= tunnelled(raw, len(CLIENTS), 0.001)
                    if before.items() <= late.items():
                        break
                if end:
                    late = tunnelled(raw, len(CLIENTS) + 1)
                else:
                    node.process.send_signal(signal.SIGCONT)
                    wait_for("the worker has claimed again", lambda: gate(node)["forwards_for"] == [])
                assert before.items() <= late.items(), f"{len(before.keys() & late.keys())} of {len(before)} came"
        unload(node)


def case_gate_generic(build: Path) -> None:
    """A device without XDP of its own: the kernel's generic mode, said in the status."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        node.in_node("ip", "link", "add", "flbridge", "type", "bridge")
        node.in_node("ip", "link", "set", "flbridge", "up")
        write(node, {"b1": 100}, interface="flbridge")
        node.start_control()
        assert gate(node)["mode"] == "generic", gate(node)
        unload(node)


def case_gateless(build: Path) -> None:
    """Without a gate (an old kernel, a bond) an AF_XDP port would cut the host off: the node works all the same, by af_packet."""
    with LoneNode(build, AF_XDP) as node:
        node.make_veth()
        write(node, {"b1": 100, "b2": 100})
        node.start_control("--no-gate")
        assert gate(node)["mode"] == "none", gate(node)
        node.start()
        wait_for("gateway resolved", lambda: gateway(node))  # the kernel's ARP works
        wait_for("table in force", lambda: node.status()["generation"] >= 1)
        assert node.ask("show port")["result"]["ports"][0]["driver"] == "net_af_packet"
        with node.peer_socket() as raw:
            send(node, raw, SYN)
            assert len(tunnelled(raw, len(CLIENTS))) == len(CLIENTS)
        assert "prog/xdp" not in node.in_node("ip", "-d", "link", "show"), "somebody attached a program"
        assert node.stop() == 0


def write(node: LoneNode, weights: dict[str, int], interface: str = "fl0") -> None:
    node.write_config(weights, rest="    health: {type: none}\nmetrics: {listen: off}\nmonitoring: {listen: off}\n")
    text = node.config.read_text()
    node.config.write_text(text.replace("address: 10.77.0.1, ", f"address: 10.77.0.1, interface: {interface}, ", 1))


def gate(node: LoneNode) -> dict:
    return json.loads(node.cli("--json", "show", "status"))["gate"]


def unload(node: LoneNode) -> None:
    """Control ends, then takes the gate off: no program, no map and no mount of its own is left."""
    assert node.control is not None
    node.control.terminate()
    assert node.control.wait(timeout=10) == 0
    # Not bpftool: it lists the links of all namespaces.
    assert "prog/xdp" in node.in_node("ip", "-d", "link", "show"), "the gate went with control"
    node.in_node(str(node.build / "fairlead-control"), "--unload", "--config", str(node.config))
    assert not (node.folder / "run/bpf").exists(), "the file system of the pins is left"
    assert str(node.folder) not in Path("/proc/mounts").read_text(), "a mount is left"
    assert "prog/xdp" not in node.in_node("ip", "-d", "link", "show"), "a program is left"
