# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab: the live fleet by hand."""
import argparse
import json
import signal
import sys
import time
from dataclasses import replace
from typing import Any

from labkit import arguments as arguments_of
from labkit import checks, faults, fleet_chaos
from labkit.control_socket import Refused, Unavailable
from labkit.default_run import missing_rights, raise_interrupt
from labkit.fleet import Fleet, labs_dir
from labkit.load import Load
from labkit.namespaces import LabError, remove_namespaces
from labkit.plan import make_plan
from labkit.sampler import Sampler
from labkit.table import LiveTable

DEFAULT_NAME = "fleet"


def up(options: argparse.Namespace) -> int:
    plan = make_plan(options.name, options.nodes, options.backends, options.spares, options.policy,
                     options.encapsulation, options.seed)
    extra = {name: "on" for name in ("fleet", "bird") if getattr(options, name)}
    fleet = Fleet(replace(plan, extra=extra))
    try:
        fleet.up()
    except BaseException:
        fleet.down()
        raise
    which = f" --name {options.name}" if options.name != DEFAULT_NAME else ""
    print(f"lab {options.name} is up: {options.nodes} nodes, {options.backends} backends; files in {fleet.dir}\n"
          f"next: scripts/lab status{which}; scripts/lab load{which}; scripts/lab down{which}\n"
          f"ask a node: build/fairlead --node {options.name}-{fleet.plan.nodes[0].name} show backend")
    return 0


def status_of(fleet: Fleet) -> dict[str, Any]:
    hosts: dict[str, Any] = {}
    for host in fleet.plan.names():
        hosts[host] = {"processes": {p.name: p.pid for p in fleet.processes.find(host)}}
    for node in fleet.plan.nodes:
        try:
            hosts[node.name]["status"] = fleet.ask(node, "show status")
        except (Unavailable, Refused) as error:
            hosts[node.name]["error"] = str(error)
    return {"lab": fleet.plan.lab, "pool": fleet.pool(), "hosts": hosts}


def status(options: argparse.Namespace) -> int:
    values = status_of(Fleet.load(options.name))
    if options.json:
        print(json.dumps(values, indent=2))
        return 0
    for host, value in values["hosts"].items():
        running = " ".join(f"{name}:{pid}" for name, pid in value["processes"].items()) or "off"
        told = value.get("status")
        extra = value.get("error", "")
        if told:
            extra = (f"generation {told.get('generation')} healthy {told.get('healthy')}/{told.get('backends')} "
                     f"agents {told.get('agents')}")
            if not told.get("dataplane", {}).get("running", True):
                extra += "  data plane down"
        member = "(not in a pool)" if host[0] == "b" and host not in values["pool"] else ""
        print(f"{host:5} {running}  {extra}{member}".rstrip())
    return 0


def load(options: argparse.Namespace) -> int:
    fleet = Fleet.load(options.name)
    generator = Load(fleet, options.rate, options.seconds, options.csv or fleet.dir / "requests.csv", options.seed)
    sampler, table, begun = Sampler(fleet), LiveTable(), time.monotonic()
    try:
        while generator.running():
            time.sleep(1.0)
            table.show(time.monotonic() - begun, generator.status, sampler.samples, sampler.backends, [])
        return generator.finish()
    finally:
        generator.stop()
        sampler.stop()


def kill(options: argparse.Namespace) -> int:
    Fleet.load(options.name).kill(options.host, options.process, signal.Signals[f"SIG{options.signal}"])
    return 0


def heal(options: argparse.Namespace) -> int:
    Fleet.load(options.name).heal(options.host)
    return 0


def join(options: argparse.Namespace) -> int:
    Fleet.load(options.name).join(options.host)
    return 0


def slow(options: argparse.Namespace) -> int:
    Fleet.load(options.name).set_speed(options.host, options.factor)
    return 0


def reload(options: argparse.Namespace) -> int:
    Fleet.load(options.name).reload()
    return 0


def fault(options: argparse.Namespace) -> int:
    found = faults.find(Fleet.load(options.name), options.words, healing=options.heal)
    (found.heal if options.heal else found.strike)()
    print(f"{'healed' if options.heal else 'done'}: {found.words}{' on ' + ' '.join(found.targets) if found.targets else ''}")
    return 0


def chaos(options: argparse.Namespace) -> int:
    schedule = fleet_chaos.Schedule(options.seed, options.minutes, options.rate, options.every, options.nodes, options.backends,
                                    options.held)
    return fleet_chaos.run_chaos(options.name, schedule, options.json)


def down(options: argparse.Namespace) -> int:
    """Also after a failed `up`: needs only the lab's name."""
    directory = labs_dir() / options.name
    fleet = Fleet.load(options.name) if (directory / "plan.json").exists() else Fleet(make_plan(options.name))
    fleet.down()
    remove_namespaces(options.name)
    print(f"lab {options.name} is down")
    return 0


def check(options: argparse.Namespace) -> int:
    size = checks.Size(options.nodes, options.backends, options.rate, options.seconds, options.seed, options.strokes)
    return checks.run_check(options.kind, size, options.name or f"check-{options.kind}", options.json)


def parser() -> argparse.ArgumentParser:
    top = arguments_of.OneLineParser(prog="scripts/lab", description="The live fleet by hand; see docs/lab.md.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(function=function)
        if name != "check":
            made.add_argument("--name", type=arguments_of.lab_name, default=DEFAULT_NAME, help="of the lab (default fleet); several may be up")
        return made

    made = command("up", up, "make namespaces, start everything, wait until it forwards")
    made.add_argument("--nodes", type=arguments_of.whole(1, 50), default=5, metavar="1..50")
    made.add_argument("--backends", type=arguments_of.whole(1, 200), default=10, metavar="1..200")
    made.add_argument("--spares", type=arguments_of.whole(0, 19), default=1, metavar="0..19", help="hosts that can join")
    made.add_argument("--policy", default="adaptive", choices=arguments_of.POLICIES)
    made.add_argument("--encapsulation", default="ipip", choices=["ipip", "gue", "l2"])
    made.add_argument("--seed", type=arguments_of.SEED, default=1)
    made.add_argument("--fleet", action="store_true", help="with three etcd and two monitors, on hosts of their own")
    made.add_argument("--bird", action="store_true", help="BIRD with BGP and BFD on the nodes and on the router")
    command("status", status, "hosts, their processes, what the nodes say").add_argument("--json", action="store_true")
    made = command("load", load, "requests from the client, with the live table")
    made.add_argument("--rate", type=arguments_of.RATE, default=600)
    made.add_argument("--seconds", type=arguments_of.SECONDS, default=30)
    made.add_argument("--seed", type=arguments_of.SEED, default=1)
    made.add_argument("--csv", type=arguments_of.output_file)
    made = command("kill", kill, "power a host off, or signal one of its processes")
    made.add_argument("host")
    made.add_argument("--process", help="control, dataplane, bird, agent, server or nginx; without: the whole host")
    made.add_argument("--signal", default="KILL", choices=["KILL", "TERM", "STOP", "CONT", "HUP"])
    command("heal", heal, "bring a host back").add_argument("host")
    command("join", join, "power a spare host on and add it to the pools").add_argument("host")
    made = command("slow", slow, "change a backend's speed: 0.3 is 0.3 times its planned speed")
    made.add_argument("host")
    made.add_argument("factor", type=arguments_of.FACTOR)
    made = command("fault", fault, "do something bad by name: " + "; ".join(faults.names()))
    made.add_argument("words", nargs="+", metavar="WORD")
    made.add_argument("--heal", action="store_true", help="end it")
    made = command("chaos", chaos, "a seeded schedule of faults on a fleet of its own, with etcd and monitors; exit 0 only if all held")
    made.add_argument("--minutes", type=arguments_of.number(0.5, 1440), default=2)
    made.add_argument("--rate", type=arguments_of.RATE, default=500)
    made.add_argument("--every", type=arguments_of.SECONDS, default=10, help="seconds from one fault to the next; default 10")
    made.add_argument("--nodes", type=arguments_of.whole(2, 50), default=3)
    made.add_argument("--backends", type=arguments_of.whole(3, 200), default=10)
    made.add_argument("--held", type=arguments_of.whole(1, 10000), default=300, help="connections that stay open, with data")
    made.add_argument("--seed", type=arguments_of.SEED, default=1)
    made.add_argument("--json", type=arguments_of.output_file, help="write the figures there")
    command("reload", reload, "make every node read its configuration again")
    command("down", down, "end everything that was started, remove every namespace")
    made = command("check", check, "a bounded run on a fleet of its own; exit 0 only if the promise holds")
    made.add_argument("kind", choices=sorted(checks.CHECKS))
    made.add_argument("--name", type=arguments_of.lab_name, help="of the lab; default check-KIND")
    made.add_argument("--nodes", type=arguments_of.whole(2, 50), default=3)
    made.add_argument("--backends", type=arguments_of.whole(3, 200), default=6)
    made.add_argument("--rate", type=arguments_of.RATE, default=400)
    made.add_argument("--seconds", type=arguments_of.CHECK_SECONDS, default=24, help="not of takeover and bird")
    made.add_argument("--strokes", type=arguments_of.whole(1, 200), default=2,
                      help="of takeover and bird: so many of each kind, 11 s and 50 s each time; default 2")
    made.add_argument("--seed", type=arguments_of.SEED, default=1)
    made.add_argument("--json", type=arguments_of.output_file, help="write the figures there")
    return top


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    missing = missing_rights()
    if missing:
        print("\n".join(f"scripts/lab: missing: {line}" for line in missing), file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT is ignored in what a script starts in the background
        signal.signal(number, raise_interrupt)
    try:
        result: int = options.function(options)
        return result
    except StopIteration:
        print(f"scripts/lab: no host '{getattr(options, 'host', '?')}' in lab '{options.name}'", file=sys.stderr)
        return 2
    except (LabError, Unavailable, Refused) as error:
        print(f"scripts/lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("scripts/lab: interrupted", file=sys.stderr)
        return 130
