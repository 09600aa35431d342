/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Every reason why a packet is not forwarded: one list for counters, CLI, metrics, XDP and docs.
/// X(enumerator, name, what an operator should know). Append only: numbers are part of the layout.
#ifndef FAIRLEAD_STEER_DROP_REASONS_H
#define FAIRLEAD_STEER_DROP_REASONS_H

#define FL_REASONS(X)                                                                             \
  X(NONE, "", "forwarded")                                                                        \
  X(NOT_IP, "not_ip", "ARP, LLDP or another ethertype: for the kernel")                           \
  X(NO_VIP, "no_vip", "no vip has this destination, protocol and port: for the kernel")           \
  X(ICMP, "icmp", "ICMP or ICMPv6 that concerns no flow: for the kernel")                         \
  X(TRUNCATED_ETHERNET, "truncated_ethernet", "frame ends inside the Ethernet or VLAN header")    \
  X(TRUNCATED_IP, "truncated_ip", "packet ends inside the IP header or before its stated length") \
  X(TRUNCATED_L4, "truncated_l4", "packet ends inside the TCP or UDP header")                     \
  X(BAD_IP_VERSION, "bad_ip_version", "version field disagrees with the ethertype")               \
  X(BAD_IP_HEADER, "bad_ip_header", "header length below 20 bytes or beyond the packet")          \
  X(BAD_IP_CHECKSUM, "bad_ip_checksum", "IPv4 header checksum is wrong")                          \
  X(BAD_TCP_HEADER, "bad_tcp_header", "TCP data offset below 20 bytes or beyond the packet")      \
  X(BAD_UDP_LENGTH, "bad_udp_length", "UDP length below 8 bytes or beyond the packet")            \
  X(TTL_EXPIRED, "ttl_expired", "TTL or hop limit is 0 or 1")                                     \
  X(FRAGMENT, "fragment", "later fragment whose first one never came, or was not forwarded")      \
  X(IPV6_EXTENSIONS, "ipv6_extensions", "more than 8 extension headers, or one without end")      \
  X(UNSUPPORTED_L4, "unsupported_l4", "neither TCP, UDP nor ICMP, to a vip's address")            \
  X(MARTIAN_SOURCE,                                                                               \
    "martian_source",                                                                             \
    "source is multicast, loopback, link-local, unspecified or a vip")                            \
  X(ZERO_PORT, "zero_port", "source or destination port 0")                                       \
  X(BAD_TCP_FLAGS, "bad_tcp_flags", "impossible flags: SYN with FIN or RST, or none at all")      \
  X(NO_TABLE, "no_table", "no generation has been published to this data plane yet")              \
  X(NO_BACKEND, "no_backend", "the vip's pool is empty or every backend is down")                 \
  X(NO_SOURCE_ADDRESS, "no_source_address", "node has no address of the tunnel's family")         \
  X(TOO_BIG, "too_big", "encapsulated packet would exceed the port's MTU")                        \
  X(NO_HEADROOM, "no_headroom", "buffer has no room in front for the outer headers")              \
  X(NO_NEXT_HOP, "no_next_hop", "gateway's or backend's MAC address is not resolved yet")         \
  X(TX_FULL, "tx_full", "the port's transmit queue took no more packets")                         \
  X(PUNT_FULL, "punt_full", "the way to the kernel took no more packets")                         \
  X(NO_PUNT, "no_punt", "packet is for the kernel, but this port has no way to it")               \
  X(ECHO, "echo", "echo request to a vip")                                                        \
  X(ICMP_LIMIT, "icmp_limit", "an ICMP answer was due, but this second's are all given")          \
  X(LOST_IN_CRASH, "lost_in_crash", "was in the hands of a data plane when that was killed")      \
  X(BAD_FRAGMENT, "bad_fragment", "fragment that is too short, too long, or over a TCP header")   \
  X(FRAGMENT_EARLY, "fragment_early", "fragment before its first one, gave way to newer ones")    \
  X(BAD_ICMP_ERROR, "bad_icmp_error", "ICMP error that quotes no packet sent by its destination")

enum fl_reason {
#define FL_REASON_ENUM(e, n, t) FL_REASON_##e,
  FL_REASONS(FL_REASON_ENUM)
#undef FL_REASON_ENUM
      FL_REASON_COUNT
};

#endif
