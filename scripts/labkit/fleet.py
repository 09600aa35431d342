# SPDX-License-Identifier: BSD-3-Clause
"""A running lab: up, down, and what can happen to its hosts in between."""
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit import bird, certificates, configs, namespaces
from labkit.control_socket import Refused, Unavailable, ask
from labkit.namespaces import LabError
from labkit.plan import CENTRAL_PORT, ECHO_PORT, LOAD_PORT, MONITOR, VIP4, VIP6, VIP_PORT, Backend, Central, Node, Plan
from labkit.processes import Processes, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
# A real node has cores of its own; here it shares them with the backends, the clients and whatever else runs.
NODE_NICE = -10
READY_S = 30.0


def labs_dir() -> Path:
    return ROOT / "out" / "lab"


class Fleet:
    """One lab by its plan. All state is in files under out/lab/<name>, so any process can go on with it."""

    def __init__(self, plan: Plan, build: Path | None = None) -> None:
        self.plan = plan
        self.build = build or Path(os.environ.get("FAIRLEAD_BUILD", ROOT / "build"))
        self.dir = labs_dir() / plan.lab
        self.processes = Processes(self.dir / "processes.json")
        self._adopt_successors()

    # --- the whole ---

    @staticmethod
    def load(lab: str) -> "Fleet":
        file = labs_dir() / lab / "plan.json"
        if not file.exists():
            raise LabError(f"lab '{lab}' is not up: scripts/lab up --name {lab}")
        values = json.loads(file.read_text(encoding="utf-8"))
        values["nodes"] = tuple(Node(**n) for n in values["nodes"])
        values["backends"] = tuple(Backend(**b) for b in values["backends"])
        values["spare"] = frozenset(values["spare"])
        return Fleet(Plan(**values))

    def up(self, balanced: bool = True) -> None:
        """Makes everything; what an earlier run left of this lab is removed first. `balanced=False`: no nodes' processes
        (the router sends to the first backend itself; for tests of the lab)."""
        self._check_binaries(balanced)
        self.down()
        shutil.rmtree(self.dir, ignore_errors=True)  # logs of an earlier fleet would be read as this one's
        for host in self.plan.names():
            (self.dir / host).mkdir(parents=True, exist_ok=True)
        (self.dir / "announce").mkdir(exist_ok=True)
        hook = self.dir / "route-hook"
        hook.write_text(configs.route_hook(str(self.dir / "announce")), encoding="utf-8")
        hook.chmod(0o755)
        values = asdict(self.plan)
        values["spare"] = sorted(self.plan.spare)
        (self.dir / "plan.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
        # All weights equal: that the machines are not is for the policy to find out.
        self.set_pool({b.name: 100 for b in self.plan.backends if b.name not in self.plan.spare})
        if "tls" in self.plan.extra:
            certificates.make(self.plan)
        namespaces.make_namespaces(self.plan)
        namespaces.wire(self.plan)
        for backend in self.plan.backends:
            if backend.name not in self.plan.spare:
                self._start_backend(backend, agent=balanced)
        if not balanced:
            first = self.plan.backends[0]
            namespaces.batch(self.plan.namespace("router"), [f"route add {VIP4} via {first.address4}",
                                                             f"route add {VIP6} via {first.address6}"])
            return
        for central in self.plan.centrals:
            self._start_central(central)
        if self.plan.monitored:
            self.start_monitor()
        if self.plan.by_bird:
            self._start_bird("router", bird.router_text(self.plan.nodes))
        for node in self.plan.nodes:
            self._start_node(node)
        for node in self.plan.nodes:
            self._wait_node(node)
        if not self.plan.by_bird:
            self._start_routes()
        if self.plan.centrals:
            self.ask(self.plan.nodes[0], "config share")

    def down(self) -> None:
        """Removes all that is left of this lab, whatever state it is in."""
        self.processes.stop(self.processes.all(), grace_s=3)
        namespaces.remove_namespaces(self.plan.lab)
        prefix = f"{self.plan.lab}-"
        base = Path("/run/fairlead")
        for run_dir in sorted(base.glob(prefix + "*")) if base.is_dir() else []:
            _unmount_below(run_dir)
            shutil.rmtree(run_dir, ignore_errors=True)
        if self.dir.is_dir():
            shutil.rmtree(self.dir / "announce", ignore_errors=True)
            (self.dir / "plan.json").unlink(missing_ok=True)

    # --- pools ---

    def pool(self) -> dict[str, int]:
        """The members now, with their configured weights."""
        members: dict[str, int] = json.loads((self.dir / "pool.json").read_text(encoding="utf-8"))
        return members

    def set_pool(self, members: dict[str, int]) -> None:
        """Writes every node's configuration; reload() makes the nodes read it."""
        (self.dir / "pool.json").write_text(json.dumps(members), encoding="utf-8")
        for node in self.plan.nodes:
            file = self.node_config(node)
            fresh = file.with_suffix(".new")
            fresh.write_text(self.node_text(node, members), encoding="utf-8")
            fresh.replace(file)

    def node_text(self, node: Node, members: dict[str, int]) -> str:
        return configs.node_yaml(self.plan, node, members, str(self.decision_log(node)), str(self.dir / "route-hook"))

    def reload(self) -> None:
        """Every node's control reads its configuration again."""
        for node in self.plan.nodes:
            self.processes.signal(node.name, "control", signal.SIGHUP)

    def join(self, name: str) -> None:
        """A spare host is switched on and becomes a member of the pools."""
        self.plan.backend(name)
        self.heal(name)
        if name in self.pool():
            return
        members = self.pool() | {name: 100}
        self.set_pool(members)
        if self.plan.centrals:  # the configuration is the fleet's: files do not count
            self.commit_pool(members, f"{name} joins")
        else:
            self.reload()

    def commit_pool(self, members: dict[str, int], note: str) -> dict[str, Any]:
        """The last node's operator commits these members for the whole fleet; returns the node's answer."""
        node = self.plan.nodes[-1]
        self.ask(node, "config load", text=self.node_text(node, members), name="lab.yaml")
        return self.ask(node, "config commit", note=note)

    # --- hosts ---

    def kill(self, name: str, part: str | None = None, number: signal.Signals = signal.SIGKILL) -> int:
        """A host loses power (cable down, every process killed), or one `part` of it (a process name) gets a signal.
        Returns when that was done, CLOCK_REALTIME microseconds."""
        self._check_host(name)
        if part is not None:
            if self.processes.signal(name, part, number) == 0:
                running = ", ".join(p.name for p in self.processes.find(name)) or "nothing"
                raise LabError(f"{name}: no process '{part}'; running: {running}")
            return time.time_ns() // 1000
        namespaces.power_link(self.plan, name, on=False)
        died_us = time.time_ns() // 1000
        self.processes.stop(self.processes.find(name), grace_s=0)
        (self.dir / "announce" / name).unlink(missing_ok=True)
        return died_us

    def heal(self, name: str) -> None:
        """Brings a host back: cable, and every process that should run and does not."""
        self._check_host(name)
        namespaces.power_link(self.plan, name, on=True)
        if central := next((c for c in self.plan.centrals if c.name == name), None):
            self._start_central(central)
        elif name in [n.name for n in self.plan.nodes]:
            node = self.plan.node(name)
            self._start_node(node)
            self._wait_node(node)
        else:
            self._start_backend(self.plan.backend(name), agent=True)
            # Probes reach the server without a tunnel, so they do not say whether tunnels end here.
            wait_until(lambda: self._agent_ready(name), 10, f"{name}: the agent is not ready; see {self.dir / name}")

    def upgrade(self, name: str) -> None:
        """A new fairlead-dataplane takes the running one's place; returns when the old one is gone and the new one is ready."""
        node = self.plan.node(name)
        old = self.processes.find(name, "dataplane")
        command = [str(self.build / "fairlead-dataplane"), "--config", str(self.node_config(node)), "--replace"]
        self.processes.start("dataplane", name, self.plan.namespace(name), command, self.dir / name / "dataplane.log")
        wait_until(lambda: not any(p.alive() for p in old), READY_S, f"{name}: the old data plane did not end")
        self._wait_node(node)

    def set_speed(self, name: str, factor: float) -> None:
        """Backend `name` is from now on `factor` times as fast as planned."""
        backend = self.plan.backend(name)
        path = f"/speed?x={backend.speed * factor:g}"
        with namespaces.connect_in(self.plan.namespace(name), ("127.0.0.1", LOAD_PORT), 2.0) as peer:
            peer.sendall(f"POST {path} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n".encode())
            if b" 200 " not in peer.recv(4096):
                raise LabError(f"{name}: the test server refused {path}")

    # --- nodes, asked ---

    def ask(self, node: Node, command: str, **arguments: Any) -> dict[str, Any]:
        return ask(f"{configs.runtime_dir(self.plan, node)}/control.sock", command, **arguments)

    def node_config(self, node: Node) -> Path:
        return self.dir / node.name / "fairlead.yaml"

    def decision_log(self, node: Node) -> Path:
        return self.dir / node.name / "decisions.csv"

    # --- parts ---

    def _check_binaries(self, balanced: bool) -> None:
        wanted = ["tests/lab/lab-server", "tests/lab/lab-load"]
        if balanced:
            wanted += ["fairlead-dataplane", "fairlead-control", "fairlead-agent"] + ["fairlead-monitor"] * self.plan.monitored
        missing = [str(self.build / name) for name in wanted if not (self.build / name).exists()]
        if self.plan.by_bird and bird.program() is None:
            raise LabError("no bird on this machine (Debian: bird2); run scripts/setup")
        if missing:
            raise LabError(f"not built: {', '.join(missing)}; run scripts/setup")

    def _check_host(self, name: str) -> None:
        if name not in self.plan.names():
            raise LabError(f"no host '{name}'; known: {', '.join(self.plan.names())}")

    def _adopt_successors(self) -> None:
        """A data plane that took another's place by hand (`fairlead-dataplane --replace`) belongs to the lab all the same: the
        lock of the runtime directory says who it is (dataplane/shm/lock_holder.hh)."""
        for node in self.plan.nodes:
            lock = Path(configs.runtime_dir(self.plan, node)) / "workers.lock"
            record = lock.read_bytes()[:4] if lock.exists() else b""
            pid = int.from_bytes(record, "little")
            if len(record) == 4 and b"fairlead-dataplane" in _command_line(pid):
                self.processes.adopt("dataplane", node.name, pid)

    def _start(self, host: str, name: str, command: list[str], nice: int = 0) -> None:
        if not self.processes.find(host, name):
            self.processes.start(name, host, self.plan.namespace(host), command, self.dir / host / f"{name}.log", nice)

    def kill_monitor(self, number: signal.Signals) -> None:
        if self.processes.signal("router", "monitor", number) == 0:
            raise LabError("router: no process 'monitor'")

    def start_monitor(self) -> None:
        """On the router; with the first node's configuration, as all nodes have the same vips."""
        config = str(self.node_config(self.plan.nodes[0]))
        self._start("router", "monitor", [str(self.build / "fairlead-monitor"), "--config", config, "--listen", MONITOR])

    def _start_central(self, central: Central) -> None:
        home = self.dir / central.name
        if central.kind == "etcd":
            self._start(central.name, "etcd", configs.etcd_command(self.plan, central, str(home / "data")))
            return
        # With the first node's file, as all nodes have the same vips.
        self._start(central.name, "monitor", [
            str(self.build / "fairlead-monitor"), "--config", str(self.node_config(self.plan.nodes[0])),
            "--listen", f"{central.address4}:{CENTRAL_PORT}", "--metrics", "127.0.0.1:9301"])

    def _start_node(self, node: Node) -> None:
        config = str(self.node_config(node))
        run_dir = Path(configs.runtime_dir(self.plan, node))
        run_dir.mkdir(parents=True, exist_ok=True)
        if self.plan.by_bird:
            self._start_bird(node.name, bird.node_text(node))
        self._start(node.name, "control", [str(self.build / "fairlead-control"), "--config", config])
        # The gate must be on the interface before the data plane opens its port.
        wait_until(lambda: self._control_answers(node), READY_S, f"{node.name}: control does not answer; see "
                   f"{self.dir / node.name / 'control.log'}")
        self._start(node.name, "dataplane", [str(self.build / "fairlead-dataplane"), "--config", config],
                    NODE_NICE)

    def _start_bird(self, host: str, text: str) -> None:
        run_dir = Path(f"/run/fairlead/{self.plan.lab}-{host}")
        run_dir.mkdir(parents=True, exist_ok=True)
        config = self.dir / host / "bird.conf"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(text, encoding="utf-8")
        self._start(host, "bird", bird.command(str(run_dir), config))
        wait_until(lambda: bird.answers(str(run_dir)), 5, f"{host}: BIRD did not start; see {self.dir / host / 'bird.log'}")

    def _control_answers(self, node: Node) -> bool:
        if not self.processes.find(node.name, "control"):
            raise LabError(f"{node.name}: fairlead-control ended; see {self.dir / node.name / 'control.log'}")
        try:
            return bool(self.ask(node, "show status"))
        except (Unavailable, Refused):
            return False

    def _wait_node(self, node: Node) -> None:
        wait_until(lambda: self._node_ready(node), READY_S, f"{node.name}: data plane or pool not ready; see "
                   f"{self.dir / node.name}")
        if self.plan.by_bird:
            wait_until(lambda: node.name in bird.routed(self.plan), READY_S,
                       f"{node.name}: the router has no route to it; see {self.dir / 'router' / 'bird.log'}")
        elif self.plan.centrals:  # the node's control announces it, when it is fit
            announced = self.dir / "announce" / node.name
            wait_until(announced.exists, READY_S, f"{node.name}: is not announced; see {self.dir / node.name / 'control.log'}")
        else:
            (self.dir / "announce" / node.name).touch()

    def _node_ready(self, node: Node) -> bool:
        if not self.processes.find(node.name, "dataplane"):
            raise LabError(f"{node.name}: fairlead-dataplane ended; see {self.dir / node.name / 'dataplane.log'}")
        try:
            status = self.ask(node, "show status")
        except (Unavailable, Refused):
            return False
        plane = status.get("dataplane", {})
        return bool(plane.get("running")) and status.get("generation", 0) > 0 and \
            plane.get("generation_acknowledged", 0) > 0 and status.get("healthy", 0) > 0

    def _start_backend(self, backend: Backend, agent: bool) -> None:
        home = self.dir / backend.name
        self._start(backend.name, "server", configs.server_command(
            str(self.build / "tests/lab/lab-server"), backend, self.plan.seed))
        if backend.nginx:
            (home / "nginx.conf").write_text(configs.nginx_conf(backend, str(home), 8080), encoding="utf-8")
            self._start(backend.name, "nginx", ["nginx", "-p", str(home), "-c", str(home / "nginx.conf"),
                                                "-e", str(home / "nginx-error.log")])
        if agent:
            run_dir = Path(f"/run/fairlead/{self.plan.lab}-{backend.name}")
            run_dir.mkdir(parents=True, exist_ok=True)
            (home / "agent.yaml").write_text(configs.agent_yaml(self.plan, backend, str(run_dir)), encoding="utf-8")
            self._start(backend.name, "agent", [str(self.build / "fairlead-agent"), "--config",
                                                str(home / "agent.yaml")])
        if "echo" in self.plan.extra:
            self._start(backend.name, "echo", [str(self.build / "tests/lab/lab-echo"), f"{VIP4}:{ECHO_PORT}"])
        wait_until(lambda: self._serves(backend), 10, f"{backend.name}: nothing on port {VIP_PORT}; see {home}")

    def _agent_ready(self, name: str) -> bool:
        try:
            return bool(ask(f"/run/fairlead/{self.plan.lab}-{name}/agent.sock", "show status"))
        except (Unavailable, Refused):
            return False

    def _serves(self, backend: Backend) -> bool:
        try:
            namespaces.connect_in(self.plan.namespace(backend.name), ("127.0.0.1", VIP_PORT), 1.0).close()
            return True
        except OSError:
            return False

    def _start_routes(self) -> None:
        nodes = [f"{n.name}={n.address4},{n.address6}" for n in self.plan.nodes]
        os.environ["PYTHONPATH"] = str(ROOT / "scripts")
        self._start("router", "routes", ["/usr/bin/python3", "-m", "labkit.routes", str(self.dir / "announce"), *nodes])
        router = self.plan.namespace("router")
        wait_until(lambda: "nhid" in namespaces.run("ip", "-n", router, "route", "show", VIP4), 10,
                   f"router: no route to the vip; see {self.dir / 'router' / 'routes.log'}")


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _unmount_below(directory: Path) -> None:
    """Unmounts the bpffs mounts under a runtime directory: pinned programs and maps end with them."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((m for m in mounts if Path(m).is_relative_to(directory)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
