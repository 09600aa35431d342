// SPDX-License-Identifier: BSD-3-Clause
// The table of bad configurations: what is wrong, the text, the one line that refuses it.
#pragma once

#include <ostream>

namespace fairlead::config {

// A complete vip, for cases that are about something else.
#define VIP                                                                           \
  "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: " \
  "10.0.0.1}]}]\n"

struct Refusal {
  const char* says;
  const char* yaml;
  const char* message;
};

inline std::ostream& operator<<(std::ostream& out, const Refusal& r) {
  return out << r.says;
}

inline const Refusal kRefusals[] = {
    {"an empty file", "", "c.yaml:1: file is empty, start from config/fairlead.yaml"},
    {"only a comment", "# nothing\n", "c.yaml:1: file is empty, start from config/fairlead.yaml"},
    {"a list instead of a map",
     "- a\n"
     "- b\n",
     "c.yaml:1: a configuration is a map of sections, as in 'node: {id: lb1}'"},
    {"broken YAML",
     "node: {id: lb1\n"
     "vips: [\n",
     "c.yaml:2: not YAML: did not find expected ',' or '}' while parsing a flow mapping that "
     "begins in line 1, check indentation and quotes"},
    {"a tab for indentation",
     "node:\n"
     "\tid: lb1\n",
     "c.yaml:2: not YAML: a tab, indent with spaces"},
    {"a second document",
     VIP "---\n" VIP,
     "c.yaml:3: second document in one file, remove the '---' before it"},
    {"an alias",
     "node: &n {id: lb1}\n"
     "fleet: *n\n",
     "c.yaml:1: anchors and aliases are not supported, write the value out"},
    {"an anchor",
     "node: &n {id: lb1}\n" VIP,
     "c.yaml:1: anchors and aliases are not supported, write the value out"},
    {"a key twice",
     "node: {id: lb1}\n" VIP "node: {id: lb2}\n",
     "c.yaml:3: 'node' is given twice (first in line 1), remove one of them"},
    {"a list as a key",
     "[a, b]: 1\n" VIP,
     "c.yaml:1: a key must be a plain word, as in 'port: 80'"},
    {"a misspelt section", "vip: []\n", "c.yaml:1: vip: unknown key, did you mean 'vips'?"},
    {"an unknown section",
     VIP "hue: {}\n",
     "c.yaml:2: hue: unknown key, known here: node, ports, workers, memory, fleet, flows, tunnel, "
     "icmp, vips, health, monitoring, policy, metrics, decision_log, changes, api, routes or "
     "simulation"},
    {"a misspelt vip key",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, encapsulaton: gue}\n",
     "c.yaml:2: vips[0].encapsulaton: unknown key, did you mean 'encapsulation'?"},
    {"a misspelt backend key",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, adress: 10.0.0.1}]}\n",
     "c.yaml:3: vips[0].backends[0].adress: unknown key, did you mean 'address'?"},
    {"a scalar where a map belongs",
     "node: lb1\n" VIP,
     "c.yaml:1: node: expected a map of id, address, address6, runtime_dir or interface"},
    {"a map where a list belongs",
     "vips: {name: web}\n",
     "c.yaml:1: vips: expected a list, write each element after '- '"},
    {"no vips",
     "node: {id: lb1}\n",
     "c.yaml:1: vips: no vip, list at least one (see config/fairlead.yaml)"},
    {"an empty list of vips",
     "vips: []\n",
     "c.yaml:1: vips: no vip, list at least one (see config/fairlead.yaml)"},
    {"an empty pool",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: []}\n",
     "c.yaml:2: vips[0].backends: the pool is empty, list a backend or remove the vip"},
    {"a pool left out",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80}\n",
     "c.yaml:2: vips[0].backends: the pool is empty, list a backend or remove the vip"},
    {"a vip without name",
     "vips: [{address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].name: missing, write for example 'name: web'"},
    {"a vip without address",
     "vips: [{name: web, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: missing, write for example 'address: 203.0.113.10'"},
    {"a vip without port",
     "vips: [{name: web, address: 203.0.113.10, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].port: missing, write for example 'port: 80'"},
    {"a name with a blank",
     "vips: [{name: my web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].name: 'my web' is not a name, use 1 to 64 letters, digits, '.', '_', ':' "
     "or '-'"},
    {"a host name as address",
     "vips: [{name: web, address: example.org, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: 'example.org' is not an address or prefix, use for example "
     "203.0.113.10 or 203.0.113.0/28"},
    {"an address of five bytes",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: 10.0.0.1.5}]}\n",
     "c.yaml:3: vips[0].backends[0].address: '10.0.0.1.5' is not an address, use IPv4 or IPv6 "
     "digits (no host name)"},
    {"a prefix longer than the address",
     "vips: [{name: web, address: 203.0.113.10/33, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '203.0.113.10/33' is not an address or prefix, use for example "
     "203.0.113.10 or 203.0.113.0/28"},
    {"a prefix with host bits",
     "vips: [{name: web, address: 203.0.113.10/24, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].address: '203.0.113.10/24' has address bits beyond its length, write "
     "203.0.113.0/24"},
    {"a port out of range",
     "vips: [{name: web, address: 203.0.113.10, port: 70000, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].port: '70000' is out of range, use 0 to 65535"},
    {"a negative port",
     "vips: [{name: web, address: 203.0.113.10, port: -1, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].port: '-1' is not a whole number, use 0 to 65535"},
    {"a port with a fraction",
     "vips: [{name: web, address: 203.0.113.10, port: 80.5, backends: [{id: b1, address: "
     "10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].port: '80.5' is not a whole number, use 0 to 65535"},
    {"a key without value",
     "vips:\n"
     "  - name: web\n"
     "    address: 203.0.113.10\n"
     "    port:\n"
     "    backends: [{id: b1, address: 10.0.0.1}]\n",
     "c.yaml:4: vips[0].port: has no value, use 0 to 65535"},
    {"an unknown protocol",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, protocol: udb}\n",
     "c.yaml:2: vips[0].protocol: 'udb' is not one of tcp or udp, did you mean 'udp'?"},
    {"an unknown encapsulation",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, encapsulation: vxlan}\n",
     "c.yaml:2: vips[0].encapsulation: 'vxlan' is not one of ipip, gue or l2"},
    {"too many choices",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, choices: 5}\n",
     "c.yaml:2: vips[0].choices: '5' is out of range, use 1 to 4"},
    {"no choices",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, choices: 0}\n",
     "c.yaml:2: vips[0].choices: '0' is out of range, use 1 to 4"},
    {"a table size that is not listed",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, table_size: 65536}\n",
     "c.yaml:2: vips[0].table_size: '65536' is not one of 251 509 1021 2039 4093 8191 16381 32749 "
     "65537 131101 262147 524309 1048583, choose one or leave the key out"},
    {"an absurd table size",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, table_size: 99999999999999999999}\n",
     "c.yaml:2: vips[0].table_size: '99999999999999999999' is out of range, use 251 to 1048583"},
    {"two vips with one name",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]},\n"
     "  {name: web, address: 203.0.113.11, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:2: vips[1].name: 'web' is taken (vips[0], line 1), rename one"},
    {"two vips with one endpoint",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]},\n"
     "  {name: web2, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:2: vips[1].address: 203.0.113.10:80/tcp is already a vip (vips[0], line 1), merge the "
     "two or change one"},
    {"a backend without id",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {address: 10.0.0.1}]}\n",
     "c.yaml:3: vips[0].backends[0].id: missing, write for example 'id: b1'"},
    {"a backend without address",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1}]}\n",
     "c.yaml:3: vips[0].backends[0].address: missing, write for example 'address: 10.0.0.1'"},
    {"a backend id twice",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1},\n"
     "     {id: b1, address: 10.0.0.2}]}\n",
     "c.yaml:3: vips[0].backends[1].id: 'b1' is in this pool already (vips[0].backends[0], line "
     "2), remove one"},
    {"a backend address twice",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1},\n"
     "     {id: b2, address: 10.0.0.1}]}\n",
     "c.yaml:3: vips[0].backends[1].address: 10.0.0.1 is in this pool already "
     "(vips[0].backends[0], line 2), remove one or add the weights"},
    {"one backend with two addresses",
     "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
     "10.0.0.1}]},\n"
     "  {name: dns, address: 203.0.113.11, port: 53, backends: [{id: b1, address: 10.0.0.9}]}]\n",
     "c.yaml:2: vips[1].backends[0].address: backend 'b1' has address 10.0.0.1 elsewhere "
     "(vips[0].backends[0], line 1), use one address or two ids"},
    {"one backend with two capacities",
     "vips:\n"
     "  - {name: a, address: 203.0.113.1, port: 80, backends: [{id: b1, address: 10.0.0.1, "
     "capacity: 8}]}\n"
     "  - {name: b, address: 203.0.113.2, port: 80, backends: [{id: b1, address: 10.0.0.1, "
     "capacity: 9}]}\n",
     "c.yaml:3: vips[1].backends[0].capacity: backend 'b1' has capacity 8 in another pool, use one "
     "value"},
    {"zero weights",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1, "
     "weight: 0}, {id: b2, address: 10.0.0.2, weight: 0}]}\n",
     "c.yaml:2: vips[0].backends: weight 0 for all 2 backends, give one a weight or drain them "
     "instead"},
    {"an absurd weight",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: 10.0.0.1, weight: 4294967297}]}\n",
     "c.yaml:3: vips[0].backends[0].weight: '4294967297' is out of range, use 0 to 10000"},
    {"a negative weight",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: 10.0.0.1, weight: -5}]}\n",
     "c.yaml:3: vips[0].backends[0].weight: '-5' is not a whole number, use 0 to 10000"},
    {"an absurd capacity",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: 10.0.0.1, capacity: 1000000000000}]}\n",
     "c.yaml:3: vips[0].backends[0].capacity: '1000000000000' is out of range, use 0 to 10000000"},
    {"a multicast backend",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: 224.0.0.1}]}\n",
     "c.yaml:3: vips[0].backends[0].address: '224.0.0.1' is not of one host, use a "
     "unicast address"},
    {"an unspecified backend",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: \"::\"}]}\n",
     "c.yaml:3: vips[0].backends[0].address: '::' is not of one host, use a unicast "
     "address"},
    {"a broken MAC address",
     "vips:\n"
     "  - {name: web, address: 203.0.113.10, port: 80, backends: [\n"
     "     {id: b1, address: 10.0.0.1, mac: \"02:00:00:00:00\"}]}\n",
     "c.yaml:3: vips[0].backends[0].mac: '02:00:00:00:00' is not a MAC address, use for example "
     "\"02:00:00:00:00:01\""},
    {"a multicast MAC address",
     "ports: [{device: net_null0, gateway_mac: \"01:00:00:00:00:01\"}]\n" VIP,
     "c.yaml:1: ports[0].gateway_mac: '01:00:00:00:00:01' is a multicast or zero MAC address, use "
     "the neighbour's own"},
    {"more than eight shapes",
     "vips:\n"
     "  - {name: v0, address: 16.0.0.0/8, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v1, address: 32.0.0.0/9, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v2, address: 48.0.0.0/10, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v3, address: 64.0.0.0/11, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v4, address: 80.0.0.0/12, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v5, address: 96.0.0.0/13, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v6, address: 112.0.0.0/14, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v7, address: 128.0.0.0/15, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n"
     "  - {name: v8, address: 144.0.0.0/16, port: 80, backends: [{id: b1, address: 10.0.0.1}]}\n",
     "c.yaml:10: vips[8].address: more than 8 different combinations of family, prefix length and "
     "'any port' in all vips, use fewer prefix lengths"},
    {"an IPv6 node address in the IPv4 key",
     "node: {address: \"2001:db8::1\"}\n" VIP,
     "c.yaml:1: node.address: 2001:db8::1 is IPv6, write it as address6"},
    {"an IPv4 node address in the IPv6 key",
     "node: {address6: 192.0.2.1}\n" VIP,
     "c.yaml:1: node.address6: 192.0.2.1 is IPv4, write it as address"},
    {"a relative runtime folder",
     "node: {runtime_dir: run}\n" VIP,
     "c.yaml:1: node.runtime_dir: must be a folder below '/' and have at most 80 characters "
     "(sockets live "
     "in it)"},
    {"a port without device",
     "ports: [{gateway: 192.0.2.1}]\n" VIP,
     "c.yaml:1: ports[0].device: missing, write for example 'device: \"net_af_xdp0,iface=eth0\"'"},
    {"a port twice",
     "ports: [{device: net_null0}, {device: net_null0}]\n" VIP,
     "c.yaml:1: ports[1].device: 'net_null0' is listed twice, remove one"},
    {"an AF_XDP port without interface",
     "ports: [{device: net_af_xdp0}]\n" VIP,
     "c.yaml:1: ports[0].device: an AF_XDP port needs its interface, write for example "
     "\"net_af_xdp0,iface=eth0\""},
    {"a gateway of the wrong family",
     "ports: [{device: net_null0, gateway: \"2001:db8::1\"}]\n" VIP,
     "c.yaml:1: ports[0].gateway: 2001:db8::1 is IPv6, write it as gateway6"},
    {"an unknown port key",
     "ports: [{device: net_null0, jumbo: 1500}]\n" VIP,
     "c.yaml:1: ports[0].jumbo: unknown key, known here: device, gateway_mac, gateway, gateway6, "
     "punt_tap, checksums or mtu"},
    {"an MTU that no buffer holds",
     "ports: [{device: net_null0, mtu: 9000}]\n" VIP,
     "c.yaml:1: ports[0].mtu: '9000' is out of range, use 1280 to 2022"},
    {"an MTU for an interface of the kernel's",
     "ports: [{device: \"net_af_xdp0,iface=eth7\", mtu: 1400}]\n" VIP,
     "c.yaml:1: ports[0].mtu: the kernel has this port's interface, remove mtu and say it there: "
     "ip "
     "link set dev eth7 mtu 1400"},
    {"a hook without its folder",
     "routes: {hook: announce.sh}\n" VIP,
     "c.yaml:1: routes.hook: must be a path that begins with '/', or off"},
    {"a protocol that ends BIRD's command",
     "routes: {protocol: 'a\" down'}\n" VIP,
     "c.yaml:1: routes.protocol: must be a name of BIRD's protocols, '*' and '?' stand for others"},
    {"checksums by an unknown hand",
     "ports: [{device: net_null0, checksums: atuo}]\n" VIP,
     "c.yaml:1: ports[0].checksums: 'atuo' is not one of software or auto, did you mean 'auto'?"},
    {"too many workers",
     "workers: {count: 65}\n" VIP,
     "c.yaml:1: workers.count: '65' is out of range, use 1 to 64"},
    {"workers without enough cores",
     "workers: {count: 2, cores: [0]}\n" VIP,
     "c.yaml:1: workers.cores: lists 1 for 2 workers, list one core for each (a core may repeat)"},
    {"a core that is no number",
     "workers: {cores: [zero]}\n" VIP,
     "c.yaml:1: workers.cores: each core is a whole number, 0 to 1023"},
    {"a shorter longest sleep",
     "workers: {idle: {sleep: 100us, sleep_max: 50us}}\n" VIP,
     "c.yaml:1: workers.idle.sleep_max: is shorter than sleep, raise it"},
    {"a misspelt idle key",
     "workers: {idle: {sleepmax: 50us}}\n" VIP,
     "c.yaml:1: workers.idle.sleepmax: unknown key, did you mean 'sleep_max'?"},
    {"a decimal size unit",
     "memory: {steering_bank: 16MB}\n" VIP,
     "c.yaml:1: memory.steering_bank: '16MB' is not a size, use a whole number with KiB, MiB or "
     "GiB (64KiB to 1GiB)"},
    {"an uneven bank",
     "memory: {steering_bank: 100001}\n" VIP,
     "c.yaml:1: memory.steering_bank: must be a multiple of 4KiB, for example 16MiB"},
    {"too few flows",
     "memory: {flows_per_worker: 10}\n" VIP,
     "c.yaml:1: memory.flows_per_worker: '10' is out of range, use 1024 to 1000000000"},
    {"an unknown hugepage mode",
     "memory: {hugepages: maybe}\n" VIP,
     "c.yaml:1: memory.hugepages: 'maybe' is not one of auto, on or off"},
    {"a short hash key",
     "fleet: {hash_key: \"0011\"}\n" VIP,
     "c.yaml:1: fleet.hash_key: must be 32 hexadecimal digits in quotes, make one with: openssl "
     "rand -hex 16"},
    {"a flow time-out above the wrap",
     "flows: {idle_confirmed: 5h}\n" VIP,
     "c.yaml:1: flows.idle_confirmed: '5h' is out of range, use 1s to 4h"},
    {"an unknown policy",
     "policy: {name: adaptiv}\n" VIP,
     "c.yaml:1: policy.name: 'adaptiv' is not one of static, wrr, wlc, latency, prequal, adaptive, "
     "eg or actor-critic, did you mean 'adaptive'?"},
    {"a monitoring interval of nothing",
     "monitoring: {interval: 1ms}\n" VIP,
     "c.yaml:1: monitoring.interval: '1ms' is out of range, use 10ms to 1h"},
    {"a listener without port",
     "monitoring: {listen: 0.0.0.0}\n" VIP,
     "c.yaml:1: monitoring.listen: '0.0.0.0' is not ADDRESS:PORT, use for example 127.0.0.1:9101, "
     "\"[::1]:9101\" or off"},
    {"an unbracketed IPv6 listener",
     "metrics: {listen: \"::1:9101\"}\n" VIP,
     "c.yaml:1: metrics.listen: '::1:9101' is not ADDRESS:PORT, use for example 127.0.0.1:9101, "
     "\"[::1]:9101\" or off"},
    {"two listeners on one endpoint",
     "monitoring: {listen: 127.0.0.1:9101}\n" VIP,
     "c.yaml:1: metrics.listen: 127.0.0.1:9101 is monitoring.listen too, use another port"},
    {"a relative decision log",
     "decision_log: {file: decisions.csv}\n" VIP,
     "c.yaml:1: decision_log.file: must be a path that begins with '/', or off"},
    {"a relative policy log",
     "policy: {log: policy.jsonl}\n" VIP,
     "c.yaml:1: policy.log: must be a path that begins with '/', or off"},
    {"load and rate together",
     VIP "simulation: {load: 0.5, rate: 1000}\n",
     "c.yaml:2: simulation.rate: given beside load, keep one of them"},
    {"a negative load",
     VIP "simulation: {load: -1}\n",
     "c.yaml:2: simulation.load: '-1' is out of range, use a number above 0 and at most 10"},
    {"an infinite rate",
     VIP "simulation: {rate: inf}\n",
     "c.yaml:2: simulation.rate: 'inf' is not a number, use a number above 0 and at most 1e+08"},
    {"an unknown distribution",
     VIP "simulation: {service: {distribution: lognorm}}\n",
     "c.yaml:2: simulation.service.distribution: 'lognorm' is not one of fixed, exponential, "
     "lognormal, bimodal or pareto, did you mean 'lognormal'?"},
};

}  // namespace fairlead::config
