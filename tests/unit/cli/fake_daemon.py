#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A daemon of canned replies on UNIX sockets, for tests of the CLI: class FakeNode."""

import copy
import json
import os
import socket
import threading

BACKENDS = [
    {"id": "b1", "vip": "web", "address": "10.0.0.1", "state": "active", "health": "up",
     "configured_weight": 100, "weight": 100, "slots": 43691, "share": 0.66665, "in_flight": 12,
     "flows_begun": 12345, "packets": 1234567, "bytes": 987654321, "cpu": 0.31,
     "active_connections": 12, "latency_us": 1250, "capacity": 64, "report_age_ms": 80,
     "tunnel": {"gue": 1234567, "hop_socket": 90, "hop_unknown": 5, "passed_on": 4, "hop_last": 1},
     "why": "configured"},
    {"id": "b2", "vip": "web", "address": "10.0.0.2", "state": "draining", "health": "down",
     "configured_weight": 50, "weight": 50, "slots": 21846, "share": 0.33335, "in_flight": 0,
     "flows_begun": 7, "packets": 70, "bytes": 7000, "why": "drained by operator"},
]
COUNTERS = {"rx_packets": 100, "rx_bytes": 10000, "tx_packets": 90, "tx_bytes": 11800, "punted": 4,
            "dropped": 6, "flow_hits": 80, "flow_misses": 10, "flow_inserts": 10, "flows": 7}
CONTROL = {
    "show status": {
        "node": "lb1", "version": "0.1.0", "uptime_s": 3725, "generation": 7,
        "digest": "9c1e02aa00000000", "policy": "adaptive", "vips": 1, "backends": 2, "healthy": 1,
        "agents": 1, "frozen": False,
        "dataplane": {"running": True, "pid": 42, "heartbeat_age_ms": 2, "workers": 1,
                      "generation_acknowledged": 7},
        "gate": {"interface": "eth1", "mode": "generic", "mac": "02:00:00:00:00:01",
                 "gateway4": "02:00:00:00:00:02", "mtu": 1500}},
    "show vip": {"vips": [
        {"name": "web", "address": "203.0.113.10", "protocol": "tcp", "port": 80,
         "encapsulation": "ipip", "choices": 2, "table_size": 65537, "backends": 2, "healthy": 1,
         "flows": 7, "packets": 100, "bytes": 10000, "new_flows": 10}]},
    "show backend": {"backends": BACKENDS},
    "show table": {"vip": "web", "size": 65537, "generation": 7, "digest": "9c1e02aa00000000",
                   "last_moved": 67, "shares": [
                       {"backend": "b1", "weight": 100, "slots": 43691, "share": 0.66665},
                       {"backend": "b2", "weight": 50, "slots": 21846, "share": 0.33335}]},
    "show table diff": {"vip": "web", "generation": 7, "generation_before": 6, "size": 65537, "size_before": 65537,
                        "slots_moved": 67, "backends": [
                            {"backend": "b2", "state_before": "active", "state": "draining", "weight_before": 50,
                             "weight": 50, "slots_before": 21913, "slots": 21846, "share_before": 0.33436,
                             "share": 0.33334, "gained": 0, "lost": 67}]},
    "show flow": {"workers": [{"worker": 0, "buckets": 131072, "entries": 7, "new": 1,
                               "confirmed": 5, "closing": 1}],
                  "backends": [{"backend": "b1", "vip": "web", "flows": 7}]},
    "show flow tuple": {"found": True, "state": "confirmed", "backend": "b1", "age_ms": 250, "worker": 0},
    "show flow list": {},
    "show flow stats": {
        "workers": [{"worker": 0, "buckets": 4, "entries": 7, "load": 0.21875, "confirmed": 7}],
        "fill": [{"entries": 0, "buckets": 3}, {"entries": 7, "buckets": 1}],
        "ages": [{"below_s": 1, "confirmed": 7}, {"below_s": 4, "confirmed": 0}, {"confirmed": 0}],
        "flush": {"sequence": 1, "running": False, "workers": [{"worker": 0, "done": True}]}},
    "flush flow": {"sequence": 1, "flows_per_second": 1000},
    "clear flow tuple": {"found": True, "state": "confirmed", "backend": "b1", "sequence": 2},
    "show stats": {"workers": [{"worker": 0, "core": 0, **COUNTERS}], "total": COUNTERS,
                   "node_latency_us": {"p50": 3.5, "p99": 12, "mean": 4.2}},
    "show drop": {"reasons": [
        {"name": "no_vip", "text": "no vip has this destination", "drops": 0, "punts": 4},
        {"name": "ttl_expired", "text": "TTL or hop limit is 0 or 1", "drops": 6, "punts": 0},
        {"name": "fragment", "text": "IP fragment", "drops": 0, "punts": 0}]},
    "show health": {"checks": [{"backend": "b1", "vip": "web", "state": "up",
                                "last_result": "connected in 0.4 ms", "last_change_s": 95,
                                "flaps": 0, "ejected": False}]},
    "show memory": {"allocator": "jemalloc", "allocator_version": "5.3.0",
                    "allocated_bytes": 1048576, "resident_bytes": 8388608,
                    "regions": [{"name": "steering", "path": "/run/fairlead/lb1/steering",
                                "bytes": 67108864}]},
    "show update": {"t_us": 5000, "backends": [{"id": "b1", "state": "up", "cpu": 0.25, "latency_us": 12000}],
                    "nodes": [{"id": "n1", "forward_latency_us": 3.84}]},
    "set backend": {"changed": 1, "generation": 8},
    "drain backend": {"changed": 1, "flows": 12, "generation": 8, "hold": "drain", "then": "remove",
                      "deadline_ms": 600000},
    "undrain backend": {"changed": 1, "flows": 12, "generation": 9},
    "maint backend": {"changed": 1, "flows": 12, "generation": 8, "hold": "maint"},
    "disable backend": {"changed": 1, "flows": 12, "generation": 8, "hold": "disable"},
    "enable backend": {"changed": 1, "flows": 0, "generation": 9},
    "set health backend": {"changed": 1, "for_ms": 1800000},
    "show drain": {"drains": [{"backend": "b2", "vip": "web", "hold": "drain", "phase": "draining", "since_s": 61,
                               "flows_before": 100, "flows": 12, "remaining_ms": 30000, "then": "remove"}]},
    "show events": {"next": 2, "events": [
        {"id": 2, "at_us": 1700000000000000, "kind": "health", "what": "down", "cause": "timeout", "vip": "web", "backend": "b1"}]},
    "set log": {"level": "debug"},
    "freeze weights": {"frozen": True},
    "thaw weights": {"frozen": False},
    "config load": {"revision": 1, "pending": True, "changes": True, "slots_moved": 67, "flows_affected": 3,
                    "warnings": [], "needs_restart": ["workers"]},
    "config edit": {"revision": 1, "pending": True, "changes": True, "slots_moved": 67, "flows_affected": 3},
    "clear stats": {"cleared_s": 0.0},
    "disable vip": {"changed": True, "state": "disabled", "flows": 7, "generation": 8},
    "enable vip": {"changed": True, "state": "serving", "flows": 7, "generation": 9},
    "config diff": {"revision": 1, "base": 1, "slots_moved": 67, "flows_affected": 3, "needs_restart": [],
                    "keys": [{"key": "vips[web].backends[b2].weight", "before": "50", "after": "20"}],
                    "vips": [{"vip": "web", "change": "", "slots": 65537, "slots_moved": 67, "flows_affected": 3}],
                    "backends": [{"vip": "web", "backend": "b2", "change": "weight 50 to 20", "slots_before": 100,
                                  "slots_after": 33, "flows": 7, "flows_affected": 0}]},
    "config commit": {"revision": 2, "pending": False, "slots_moved": 67, "flows_affected": 3,
                      "trial": {"before": 1, "remaining_ms": 60000}},
    "config confirm": {"revision": 2, "pending": False},
    "config rollback": {"revision": 3, "pending": False, "says": 1, "slots_moved": 67, "flows_affected": 0},
    "config discard": {"revision": 1, "pending": False},
    "config reload": {"revision": 1, "pending": False},
    "show fleet": {"nodes": [
        {"node": "lb1", "here": True, "state": "serving", "announced": True, "generation": 7, "weights": 3,
         "digest": "9c1e02aa00000000", "agrees": True, "dataplane": True, "flows": 7, "packets": 100,
         "forward_mean_us": 4.5, "forward_p50_us": 3.5, "forward_p99_us": 12.5, "down": [], "age_ms": 0}],
        "monitors": [{"monitor": "192.0.2.21:9300", "leads": True}], "disagreement": False},
    "show digest": {"digest": "9c1e02aa00000000", "generation": 7, "weights_generation": 3, "weights_term": 5,
                    "digests": [{"digest": "9c1e02aa00000000", "nodes": ["lb1"], "count": 1, "most": True}],
                    "agree": False, "disagreement": False, "heard": 1, "nodes": 3, "silent": ["lb2", "lb3"]},
    "withdraw node": {"node": "lb1", "changed": True, "withdrawn": True},
    "announce node": {"node": "lb1", "changed": True, "withdrawn": False},
    "retire node": {"node": "lb1", "leaving": True},
    "config share": {"revision": 1, "bytes": 812, "changed": True, "etcd_away": False},
    "show config": {"revision": 1, "file": "/etc/c.yaml", "text": "node: {id: lb1}\nvips: []\n"},
    "show config pending": {"pending": True, "name": "new.yaml", "base": 1, "at_s": 1700000000, "text": "node: {id: lb1}\nvips: []\n"},
    "show config history": {"revision": 2, "pending": False, "trial": {"before": 1, "remaining_ms": 59000},
                            "revisions": [
                                {"revision": 2, "at_s": 1700000100, "origin": "commit", "note": "b2 down",
                                 "digest": "00000000000000aa", "state": "on trial"},
                                {"revision": 1, "at_s": 1700000000, "origin": "start", "note": "",
                                 "digest": "00000000000000bb", "state": ""}]},
    "lookup": {"vip": "web", "flow": {"found": False},
               "candidates": [
                   {"index": 0, "slot": 40113, "backend": "b1", "state": "active", "score": 0.12},
                   {"index": 1, "slot": 977, "backend": "b2", "state": "draining", "score": 0.31}],
               "chosen": "b1", "encapsulation": "ipip", "why": "new flow: smallest score"},
}
DATAPLANE = {
    "show status": {"node": "lb1", "version": "0.1.0", "pid": 42, "workers": 1, "generation": 7},
    "show port": {"ports": [{"port": 0, "device": "net_af_xdp0", "mac": "02:00:00:00:00:02",
                             "mtu": 1500, "link": "up", "forwards": "gate", "queues": 1, "rx_packets": 100,
                             "tx_packets": 90, "missed": 0}]},
    "clear stats": {"ports": 1},
    "set worker count": {"workers": 2, "before": 1},
    "capture start": {"running": True, "file": "/tmp/drops.pcapng", "match": "", "limit": 500, "noted": 0, "skipped": 0},
    "capture stop": {"running": False, "file": "/tmp/drops.pcapng", "match": "", "limit": 500, "noted": 17, "skipped": 0},
    "show capture": {"running": True, "file": "/tmp/drops.pcapng", "match": "", "limit": 500, "noted": 17, "skipped": 2},
    "trace start": {"running": True, "file": "", "match": "", "limit": 1, "noted": 0, "skipped": 0, "packets": []},
    "trace stop": {"running": False, "file": "", "match": "", "limit": 1, "noted": 0, "skipped": 0, "packets": []},
    "show trace": {"running": False, "file": "", "match": "", "limit": 1, "noted": 1, "skipped": 0, "packets": [
        {"at_us": 1700000000000000, "worker": 0, "port": 0, "bytes": 60, "generation": 7, "verdict": "forward", "reason": "",
         "flow": "tcp:198.51.100.7:40000>203.0.113.10:80", "kind": "flow", "vip": "web", "hash": 1, "known": False,
         "candidates": [{"slot": 40113, "backend": "b1", "state": "active"}], "backend": "b1", "encapsulation": "ipip",
         "out_bytes": 80}]},
    "set log": {"level": "debug"},
    "start forwarding": {"forwarding": True, "workers": 2},
    "stop forwarding": {"forwarding": False, "workers": 2,
                        "ports": [{"port": 0, "device": "net_af_xdp0", "rx_packets": 100, "tx_packets": 90}],
                        "total": {"rx_packets": 100, "tx_packets": 90, "dropped": 6}},
    "add port": {"port": 1},
    "del port": {"removed": 1},
    "show core": {"cores": [{"worker": 0, "core": 0, "forwards": "workers", "queues": "0:0,1", "busy": 0.25, "pps": 12345,
                             "cycles_per_packet": 410, "flows": 7, "generation": 7}]},
    "show memory": {"allocator": "jemalloc", "allocated_bytes": 4096, "resident_bytes": 8192,
                    "pools": [{"name": "packets", "size": 8191, "in_use": 512,
                               "bytes": 18874368}]},
}


def known(items, key, wanted):
    """The items that fit, or None if `wanted` is no name among them."""
    if wanted is None:
        return items
    return [item for item in items if item[key] == wanted] or None


class FakeNode:
    """control.sock and dataplane.sock in `directory`; `requests` is what came, in order."""

    def __init__(self, directory):
        self.requests = []
        self.raw = {}  # command -> bytes to send instead of a reply; b"" closes, None is silence
        self.stop = threading.Event()
        os.makedirs(directory, exist_ok=True)
        for name, replies in (("control.sock", CONTROL), ("dataplane.sock", DATAPLANE)):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(os.path.join(directory, name))
            listener.listen(8)
            threading.Thread(target=self.accept, args=(listener, replies), daemon=True).start()

    def accept(self, listener, replies):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.serve, args=(connection, replies), daemon=True).start()

    def serve(self, connection, replies):
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                request = json.loads(line)
                self.requests.append(request)
                command = request["command"]
                if command in self.raw:
                    if self.raw[command] is None:
                        self.stop.wait(30)
                    else:
                        stream.write(self.raw[command])
                    return
                stream.write(json.dumps(self.reply(command, request, replies)).encode() + b"\n")
                stream.flush()

    @staticmethod
    def reply(command, request, replies):
        if command not in replies:
            return {"ok": False, "code": "invalid_argument", "message": f"no command '{command}'"}
        result = copy.deepcopy(replies[command])
        arguments = request.get("arguments", {})
        for key, items, field in (("vip", CONTROL["show vip"]["vips"], "name"),
                                  ("backend", BACKENDS, "id")):
            pending = command == "config edit"  # may name what is not in force yet
            if not pending and known(items, field, arguments.get(key)) is None:
                return {"ok": False, "code": "not_found",
                        "message": f"no {key} '{arguments[key]}'"}
        if command == "show backend":
            result["backends"] = known(BACKENDS, "id", arguments.get("backend"))
        if command == "drain backend" and "deadline_ms" not in arguments:
            result = {"changed": 1, "flows": 12, "generation": 8, "hold": "drain", "then": "keep"}
        if command == "show flow list":
            result = flow_chunk(arguments)
        if arguments.get("dst") == "192.0.2.99":
            result = {"why": "no vip has this destination"}
        return {"ok": True, "result": result}


def flow_chunk(arguments):
    """Flows 0 to 2499, as a control daemon gives them: at most 1000 in an answer, and where to go on."""
    begin = arguments.get("cursor", 0)
    end = min(begin + arguments.get("limit", 100), 2500)
    assert end - begin <= 1000
    chunk = {"flows": [{"id": f"{i:014x}", "worker": 0, "vip": "web", "backend": "b1", "state": "confirmed",
                        "age_ms": 250} for i in range(begin, end)]}
    return chunk | ({"next": end} if end < 2500 else {})


if __name__ == "__main__":
    import sys
    FakeNode(sys.argv[1])
    threading.Event().wait()
