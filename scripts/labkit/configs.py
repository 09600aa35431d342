# SPDX-License-Identifier: BSD-3-Clause
"""Configuration texts of a lab's processes. Pure: strings in, strings out."""
from labkit import certificates
from labkit.plan import (ECHO_PORT, ETCD_PEER_PORT, ETCD_PORT, LOAD_PORT, MONITORING_PORT, ROUTER_MAC, VIP4, VIP6, VIP_PORT,
                         Backend, Central, Node, Plan)

HASH_KEY = "00112233445566778899aabbccddeeff"


def runtime_dir(plan: Plan, node: Node) -> str:
    return f"/run/fairlead/{plan.lab}-{node.name}"


def node_yaml(plan: Plan, node: Node, pool: dict[str, int], decision_log: str, route_hook: str) -> str:
    """One node's configuration; `pool` has the backends that are members now and their configured weights. `route_hook`: a
    program that tells the router, in a lab with monitors and etcd and without BIRD."""
    # One address a backend: IPv6 requests travel to it in IPv4 too (6in4).
    l2 = plan.encapsulation == "l2"
    choices = f"\n    choices: {plan.extra['choices']}" if "choices" in plan.extra else ""
    members = "\n".join(
        f"      - {{id: {b.name}, address: {b.address4}, weight: {weight}, capacity: {b.concurrency}"
        + (f', mac: "{b.mac}"}}' if l2 else "}")
        for b, weight in ((plan.backend(name), weight) for name, weight in pool.items()))
    echoes = members.replace("}", f", health_port: {VIP_PORT}}}")
    members_of_etcd = ", ".join(f'"{c.address4}:{ETCD_PORT}"' for c in plan.centrals if c.kind == "etcd")
    etcd = f", etcd: {{endpoints: [{members_of_etcd}]}}" if plan.centrals else ""
    hook = f"routes: {{hook: {route_hook}}}\n" if plan.centrals else ""
    routes = f"routes: {{bird: {runtime_dir(plan, node)}/bird.ctl}}\n" if plan.by_bird else hook
    monitors = ", ".join(f'"{at}"' for at in plan.monitors)
    echo = "" if "echo" not in plan.extra else f"""
  - name: echo
    address: {VIP4}
    protocol: udp
    port: {ECHO_PORT}
    encapsulation: {plan.encapsulation}
    health: {{type: http, path: /health}}
    backends:
{echoes}"""
    return f"""# {plan.lab}: node {node.name} (written by scripts/lab)
node:
  id: {node.name}
  address: {node.address4}
  address6: "{node.address6}"
  runtime_dir: {runtime_dir(plan, node)}
  interface: eth0
ports:
  - {{device: "net_af_xdp0,iface=eth0", gateway_mac: "{ROUTER_MAC}"}}
workers: {{count: 1, cores: [{(node.number - 1) % 2}]}}
memory: {{hugepages: off, steering_bank: 4MiB, flows_per_worker: 65536}}
fleet: {{hash_key: "{HASH_KEY}"{etcd}}}
{routes}vips:
  - name: web
    address: {VIP4}
    protocol: tcp
    port: {VIP_PORT}
    encapsulation: {plan.encapsulation}{choices}
    backends:
{members}
  - name: web6
    address: "{VIP6}"
    protocol: tcp
    port: {VIP_PORT}
    encapsulation: {plan.encapsulation}
    backends:
{members}{echo}
health: {{{plan.extra.get("health", "interval: 500ms, timeout: 300ms")}, rise: 2, fall: 2, type: http, path: /health, via: {plan.extra.get("probe", "direct")}}}
monitoring: {{interval: 1s, listen: "0.0.0.0:{MONITORING_PORT}", monitors: [{monitors}]{certificates.yaml(plan, node.name)}}}
metrics: {{listen: "127.0.0.1:9101"}}
policy: {{name: {plan.policy}}}
decision_log: {{file: {decision_log}}}
"""


def agent_yaml(plan: Plan, backend: Backend, run_dir: str) -> str:
    receivers = ", ".join(f'"{at}"' for at in plan.monitors or [f"{n.address4}:{MONITORING_PORT}" for n in plan.nodes])
    sources = ", ".join(f'"{a}"' for n in plan.nodes for a in (n.address4, n.address6))
    echo = f"  - {{address: {VIP4}, protocol: udp, port: {ECHO_PORT}}}\n" if "echo" in plan.extra else ""
    peers = ", ".join(f'"{a}"' for b in plan.backends if b != backend for a in (b.address4, b.address6))
    return f"""# {plan.lab}: agent of {backend.name} (written by scripts/lab)
backend: {backend.name}
interface: eth0
runtime_dir: {run_dir}
vips:
  - {{address: {VIP4}, protocol: tcp, port: {VIP_PORT}}}
  - {{address: "{VIP6}", protocol: tcp, port: {VIP_PORT}}}
{echo}nodes: [{sources if plan.encapsulation != "l2" else ""}]
peers: [{peers if plan.encapsulation == "gue" else ""}]
report: {{to: [{receivers}], interval: 100ms{certificates.yaml(plan, backend.name)}}}
capacity: {backend.concurrency}
load: {{url: "http://127.0.0.1:{LOAD_PORT}/load"}}
leave: {{deadline: 1s}}
"""


def route_hook(announce: str) -> str:
    """What `routes.hook` calls: a node is routed to while its file is in `announce`."""
    return f"""#!/bin/sh
# routes.hook: announce|withdraw NODE REASON (written by scripts/lab)
[ "$1" = announce ] && exec touch "{announce}/$2"
exec rm -f "{announce}/$2"
"""


def etcd_command(plan: Plan, member: Central, data: str) -> list[str]:
    def peer(c: Central) -> str:
        return f"http://{c.address4}:{ETCD_PEER_PORT}"
    client = f"http://{member.address4}:{ETCD_PORT}"
    cluster = ",".join(f"{c.name}={peer(c)}" for c in plan.centrals if c.kind == "etcd")
    return ["etcd", "--name", member.name, "--data-dir", data, "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer(member),
            "--initial-advertise-peer-urls", peer(member), "--initial-cluster", cluster, "--unsafe-no-fsync"]


def nginx_conf(backend: Backend, run_dir: str, upstream_port: int) -> str:
    """nginx before the test server: real HTTP on the client's side, its own pid and log files."""
    return f"""# {backend.name}: reverse proxy before the test server (written by scripts/lab)
pid {run_dir}/nginx.pid;
error_log {run_dir}/nginx-error.log warn;
daemon off;
master_process off;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {run_dir}/body;
  proxy_temp_path {run_dir}/proxy;
  fastcgi_temp_path {run_dir}/fastcgi;
  uwsgi_temp_path {run_dir}/uwsgi;
  scgi_temp_path {run_dir}/scgi;
  server_tokens off;
  upstream server {{ server 127.0.0.1:{upstream_port}; keepalive 32; }}
  server {{
    listen [::]:{VIP_PORT} ipv6only=off backlog=4096;
    location / {{
      proxy_pass http://server;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Request-Id $http_x_request_id;
      # A request is served once or fails: a hidden retry would falsify the availability.
      proxy_next_upstream off;
      proxy_buffering off;
    }}
  }}
}}
"""


def server_command(binary: str, backend: Backend, seed: int) -> list[str]:
    listen = "127.0.0.1:8080" if backend.nginx else f"[::]:{VIP_PORT}"
    return [binary, "--id", backend.name, "--listen", listen, "--load-listen", f"127.0.0.1:{LOAD_PORT}",
            "--cores", str(backend.cores), "--concurrency", str(backend.concurrency),
            "--mean-ms", str(backend.mean_ms), "--distribution", backend.distribution, "--sigma", str(backend.sigma),
            "--speed", str(backend.speed), "--drift-amplitude", str(backend.drift),
            "--drift-period", str(backend.drift_period_s), "--seed", str(seed * 1000 + backend.number)]
