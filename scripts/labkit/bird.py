# SPDX-License-Identifier: BSD-3-Clause
"""BIRD in the lab, on the nodes and on the router: configuration texts as in docs/routes.md, and the routes that came of them."""
import json
import os
import re
import shutil
import socket
import subprocess
from datetime import datetime
from pathlib import Path

from labkit.namespaces import run
from labkit.plan import ROUTER4, VIP4, VIP6, Node, Plan

ROUTER_AS, NODE_AS = 65000, 65001
BFD = "min rx interval 20 ms; min tx interval 20 ms; multiplier 3;"
# A session that ended is made again as fast as BIRD can.
EAGER = "connect delay time 1; connect retry time 1; error wait time 1,1;"
SESSION_LOST = re.compile(r"^(\S+ \S+) .*\b(lb[0-9]+): BGP session closed", re.MULTILINE)


def program() -> str | None:
    return shutil.which("bird", path=os.environ.get("PATH", "") + ":/usr/sbin")


def command(run_dir: str, config: Path) -> list[str]:
    """BIRD in the foreground, before all else on its core: on a host that it shares with a whole fleet it would be scheduled
    too late for BFD."""
    bird = program() or "bird"
    return [*_at_once(), bird, "-f", "-c", str(config), "-s", control_socket(run_dir), "-P", f"{run_dir}/bird.pid"]


def control_socket(run_dir: str) -> str:
    return f"{run_dir}/bird.ctl"


def answers(run_dir: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        return peer.connect_ex(control_socket(run_dir)) == 0


def _at_once() -> list[str]:
    realtime = ["chrt", "--fifo", "1"]
    allowed = subprocess.run([*realtime, "true"], capture_output=True, check=False).returncode == 0
    return realtime if allowed else ["nice", "-n", "-15"]


def node_text(node: Node) -> str:
    """The vips' routes begin disabled: fairlead-control enables them, which is the announcement."""
    return f"""# node {node.name} (written by scripts/lab)
router id {node.address4};
log stderr all;
timeformat log iso long ms;
debug protocols {{ states, events }};
protocol device {{}}
protocol static fairlead4 {{ disabled; ipv4; route {VIP4}/32 blackhole; }}
protocol static fairlead6 {{ disabled; ipv6; route {VIP6}/128 blackhole; }}
protocol bfd {{ interface "eth0" {{ {BFD} }}; }}
protocol bgp router1 {{
  local {node.address4} as {NODE_AS};
  neighbor {ROUTER4} as {ROUTER_AS};
  bfd on;
  {EAGER}
  ipv4 {{ import none; export where proto = "fairlead4"; }};
  ipv6 {{ import none; export where proto = "fairlead6"; }};
}}
"""


def router_text(nodes: tuple[Node, ...]) -> str:
    """All announcing nodes at equal cost."""
    sessions = "\n".join(f"protocol bgp {n.name} from node {{ neighbor {n.address4} as {NODE_AS}; }}" for n in nodes)
    return f"""# the router (written by scripts/lab)
router id {ROUTER4};
log stderr all;
timeformat log iso long ms;
debug protocols {{ states, events }};
protocol device {{}}
protocol bfd {{ interface "fabric" {{ {BFD} }}; }}
template bgp node {{
  local {ROUTER4} as {ROUTER_AS};
  bfd on;
  graceful restart off;
  {EAGER}
  ipv4 {{ import all; export none; }};
  ipv6 {{ import all; export none; }};
}}
{sessions}
protocol kernel {{ merge paths on limit 64; ipv4 {{ import none; export all; }}; }}
protocol kernel {{ merge paths on limit 64; ipv6 {{ import none; export all; }}; }}
"""


def gateways(routes: str) -> set[str]:
    """Next hops in what `ip -j route show` says of one prefix. Pure."""
    hops: set[str] = set()
    for route in json.loads(routes or "[]"):
        hops |= {hop["gateway"] for hop in route.get("nexthops", [route]) if "gateway" in hop}
    return hops


def sessions_lost(log: str) -> list[tuple[int, str]]:
    """When (CLOCK_REALTIME microseconds) the router gave up a session with which node. Pure."""
    return [(int(datetime.fromisoformat(at).timestamp() * 1e6), node) for at, node in SESSION_LOST.findall(log)]


def routed(plan: Plan) -> set[str]:
    """The nodes that the router sends both families to."""
    router = plan.namespace("router")
    v4 = gateways(run("ip", "-n", router, "-j", "route", "show", VIP4))
    v6 = gateways(run("ip", "-n", router, "-j", "-6", "route", "show", VIP6))
    return {n.name for n in plan.nodes if n.address4 in v4 and n.address6 in v6}
