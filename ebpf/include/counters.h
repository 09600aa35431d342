/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Counters of the XDP programs: one list each for program, loader, metrics and documentation.
/// X(enumerator, name, what an operator should know). Append only.
#ifndef FAIRLEAD_EBPF_COUNTERS_H
#define FAIRLEAD_EBPF_COUNTERS_H

/// Every frame that the gate sees is counted in exactly one of these.
#define FL_GATE_COUNTERS(X)                                                                        \
  X(REDIRECTED, "redirected", "to the data plane's AF_XDP socket")                                 \
  X(NO_SOCKET, "no_socket", "to a vip, but there is neither data plane nor table")                 \
  X(NO_VIP, "no_vip", "to no vip: for the kernel")                                                 \
  X(NOT_IP, "not_ip", "ARP, LLDP or another ethertype: for the kernel")                            \
  X(TRUNCATED, "truncated", "frame ends before the destination port: for the kernel")              \
  X(BAD_HEADER, "bad_header", "impossible IP header: for the kernel, which counts it")             \
  X(MULTICAST, "multicast", "broadcast or multicast frame: for the kernel")                        \
  X(OTHER_HOST, "other_host", "another host's MAC address: for the kernel, which drops it")        \
  X(FORWARDED, "forwarded", "to a vip, forwarded by the gate itself")                              \
  X(STATELESS, "stateless", "to a vip, forwarded by the gate without the flow table")              \
  X(DROPPED, "dropped", "to a vip, dropped by the gate: the worker's page says why")               \
  X(ICMP, "icmp", "ICMP that is neither an error about a vip's flow nor its echo: for the kernel") \
  X(ANSWERED, "answered", "to a vip, answered by the gate itself: echo, or too big")

/// Every frame that the decapsulator sees is counted in exactly one of these, except ECN_CE and
/// those called HOP: they say how packets with a hop list (second_chance.h) were judged.
#define FL_DECAP_COUNTERS(X)                                                                       \
  X(PASSED, "passed", "not a tunnel of ours: for the kernel as it is")                             \
  X(IPIP, "ipip", "IP in IP, decapsulated")                                                        \
  X(GUE, "gue", "GUE, decapsulated")                                                               \
  X(FOREIGN_SOURCE, "foreign_source", "to a vip of ours, but not from a configured node: dropped") \
  X(FOREIGN_VIP, "foreign_vip", "from a node, but to no vip of ours: dropped")                     \
  X(TRUNCATED, "truncated", "from a node, ends inside a header: dropped")                          \
  X(MALFORMED, "malformed", "from a node, header of the tunnel or the packet is wrong: dropped")   \
  X(FRAGMENT, "fragment", "from a node, the outer packet is fragmented: dropped; raise the MTU")   \
  X(ECN_DROPPED,                                                                                   \
    "ecn_dropped",                                                                                 \
    "outer says congestion, inner is not ECN capable: dropped (RFC 6040)")                         \
  X(FAILED, "failed", "the driver could not move the start of the frame: dropped")                 \
  X(ECN_CE, "ecn_ce", "congestion mark copied from the outer to the inner header (RFC 6040)")      \
  X(PASSED_ON, "passed_on", "connection unknown here: sent to the next hop of the list")           \
  X(FOREIGN_HOP, "foreign_hop", "from another backend, but not as a second chance: dropped")       \
  X(HOP_SYN, "hop_syn", "with hop list, a new connection")                                         \
  X(HOP_SOCKET, "hop_socket", "with hop list, a socket here has the connection")                   \
  X(HOP_COOKIE, "hop_cookie", "with hop list, an ACK with a valid SYN cookie")                     \
  X(HOP_UNKNOWN, "hop_unknown", "with hop list, no socket here has the connection")                \
  X(HOP_LAST, "hop_last", "of these, the list is at its end: for the kernel")                      \
  X(HOP_SELF, "hop_self", "of these, the next hop is this host: for the kernel")                   \
  X(HOP_OTHER, "hop_other", "with hop list, nothing that a TCP socket could know")                 \
  X(HOP_OTHER_HOST, "hop_other_host", "with hop list, to another host's MAC: the kernel drops it") \
  X(NO_LISTENER, "no_listener", "SYN to a port on which nobody listens any more: dropped")         \
  X(TTL_EXPIRED, "ttl_expired", "unknown here, outer TTL too low for the next hop: dropped")

enum fl_gate_counter {
#define FL_GATE_ENUM(e, n, t) FL_GATE_##e,
  FL_GATE_COUNTERS(FL_GATE_ENUM)
#undef FL_GATE_ENUM
      FL_GATE_COUNTER_COUNT
};

enum fl_decap_counter {
#define FL_DECAP_ENUM(e, n, t) FL_DECAP_##e,
  FL_DECAP_COUNTERS(FL_DECAP_ENUM)
#undef FL_DECAP_ENUM
      FL_DECAP_COUNTER_COUNT
};

#endif
