// SPDX-License-Identifier: BSD-3-Clause
// More bad configurations: well-formed values that mean nothing, or two things, or harm.
#pragma once

#include "tests/unit/control/config/refusals.hh"

namespace fairlead::config {

inline const Refusal kDoubtful[] = {
    {"a control character in a value",
     "node: {id: \"a\\x01b\"}\n" VIP,
     "c.yaml:1: node.id: 'a\\x01b' is not a name, use 1 to 64 letters, digits, '.', '_', ':' or "
     "'-'"},
    {"nesting without end",
     "node: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
     "c.yaml:1: nested deeper than 32 levels"},
    {"a tunnel for probes of an l2 vip",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, encapsulation: l2, health: {via: tunnel},\n"
     "     backends: [{id: b1, address: 10.0.0.1}]}\n",
     "c.yaml:2: vips[0].health.via: a vip of encapsulation l2 has no tunnel, use direct"},
    {"a line break in a path",
     "node: {runtime_dir: \"/run/a\\nb\"}\n" VIP,
     "c.yaml:1: node.runtime_dir: '/run/a\\nb' has a control character, remove it"},
    {"a zero byte in a path",
     "node: {runtime_dir: \"/run/a\\0b\"}\n" VIP,
     "c.yaml:1: node.runtime_dir: '/run/a\\x00b' has a control character, remove it"},
    {"an escape sequence in a device",
     "ports: [{device: \"net_null0\\e[2J\"}]\n" VIP,
     "c.yaml:1: ports[0].device: 'net_null0\\x1b[2J' has a control character, remove it"},
    {"an escape sequence as a key",
     "\"no\\e[2Jde\": {}\n" VIP,
     "c.yaml:1: no\\x1b[2Jde: unknown key, known here: node, ports, workers, memory, "
     "fleet, flows, tunnel, icmp, vips, health, monitoring, policy, metrics, decision_log, "
     "changes, api, routes or simulation"},
    {"a port that may be octal",
     "vips: [{name: web, address: 203.0.113.10, port: 0120, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].port: '0120' begins with 0, which some read as octal; write it without, "
     "use "
     "0 to 65535"},
    {"a duration that may be octal",
     "health: {interval: 0500ms}\n" VIP,
     "c.yaml:1: health.interval: '0500ms' is not a duration, use a whole number with ns, us, ms, "
     "s, m "
     "or h (50ms to 1h)"},
    {"a core that may be octal",
     "workers: {count: 1, cores: [01]}\n" VIP,
     "c.yaml:1: workers.cores: each core is a whole number, 0 to 1023"},
    {"a prefix length that may be octal",
     "vips: [{name: web, address: 203.0.113.10/032, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '203.0.113.10/032' is not an address or prefix, use for example "
     "203.0.113.10 or 203.0.113.0/28"},
    {"a multicast vip",
     "vips: [{name: web, address: 239.1.2.3, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '239.1.2.3' is nothing that clients can call, use unicast "
     "addresses"},
    {"a broadcast vip",
     "vips: [{name: web, address: 255.255.255.255, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '255.255.255.255' is nothing that clients can call, use unicast "
     "addresses"},
    {"a vip of the loopback",
     "vips: [{name: web, address: \"::1\", port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '::1' is nothing that clients can call, use unicast addresses"},
    {"everything as a vip",
     "vips: [{name: web, address: 0.0.0.0/0, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '0.0.0.0/0' is nothing that clients can call, use unicast "
     "addresses"},
    {"the vip as its own backend",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "203.0.113.10}]}]\n",
     "c.yaml:1: vips[0].backends[0].address: 203.0.113.10 is an address of the vip itself, tunnels "
     "to "
     "it would come back here; use the host's own"},
    {"a backend inside the vip's prefix",
     "vips: [{name: web, address: 203.0.113.0/28, port: 80, backends: [{id: b1, address: "
     "203.0.113.3}]}]\n",
     "c.yaml:1: vips[0].backends[0].address: 203.0.113.3 is an address of the vip itself, tunnels "
     "to "
     "it would come back here; use the host's own"},
    {"the node's own address as a vip",
     "node: {id: lb1, address: 203.0.113.10}\n" VIP,
     "c.yaml:2: vips[0].address: 203.0.113.10 holds the node's own address 203.0.113.10, which "
     "must "
     "stay the node's, use other addresses"},
    {"an IPv4-mapped vip",
     "vips: [{name: web, address: \"::ffff:203.0.113.10\", port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '::ffff:203.0.113.10' is nothing that clients can call, use "
     "unicast addresses"},
    {"an IPv4-mapped backend",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "\"::ffff:10.0.0.1\"}]}]\n",
     "c.yaml:1: vips[0].backends[0].address: '::ffff:10.0.0.1' is IPv4 in the clothes of IPv6, "
     "write IPv4"},
    {"a link-local backend",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "\"fe80::1\"}]}]\n",
     "c.yaml:1: vips[0].backends[0].address: 'fe80::1' is link-local, use an address that routers "
     "know"},
    {"a backend of network 0",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "0.1.2.3}]}]\n",
     "c.yaml:1: vips[0].backends[0].address: '0.1.2.3' is not of one host, use a unicast address"},
    {"a node that would be a folder above",
     "node: {id: \"..\"}\n" VIP,
     "c.yaml:1: node.id: '..' is not a name, use 1 to 64 letters, digits, '.', '_', ':' or '-'"},
    {"a name that looks like an option",
     "node: {id: \"-f\"}\n" VIP,
     "c.yaml:1: node.id: '-f' is not a name, use 1 to 64 letters, digits, '.', '_', ':' or '-'"},
    {"an interface that is a path",
     "node: {interface: \"a/b\"}\n" VIP,
     "c.yaml:1: node.interface: 'a/b' is no interface name (at most 15 characters); see: ip link"},
    {"the root as runtime folder",
     "node: {runtime_dir: /}\n" VIP,
     "c.yaml:1: node.runtime_dir: must be a folder below '/' and have at most 80 characters "
     "(sockets live in it)"},
    {"a key that is no secret",
     "fleet: {hash_key: \"00000000000000000000000000000000\"}\n" VIP,
     "c.yaml:1: fleet.hash_key: is all zero, which is no secret, make one with: openssl rand -hex "
     "16"},
    {"the only node with a fleet's store",
     "fleet: {nodes: one, etcd: {endpoints: [\"192.0.2.31:2379\"]}}\n" VIP,
     "c.yaml:1: fleet.nodes: 'one' is for a node without a fleet, remove etcd.endpoints"},
    {"a multicast node",
     "node: {id: lb1, address: 224.0.0.5}\n" VIP,
     "c.yaml:1: node.address: '224.0.0.5' is not of one host, use a unicast address"},
    {"an unspecified gateway",
     "ports: [{device: net_null0, gateway: 0.0.0.0}]\n" VIP,
     "c.yaml:1: ports[0].gateway: '0.0.0.0' is not of one host, use a unicast address"},
    {"stateless TCP",
     "vips: [{name: w, address: 203.0.113.1, port: 80, udp: stateless,\n"
     "  backends: [{id: b, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].udp: 'stateless' is for protocol: udp, TCP flows are always tracked"},
};

}  // namespace fairlead::config
