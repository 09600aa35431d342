// SPDX-License-Identifier: BSD-3-Clause
// The desired state as plain values: what the configuration says, before health and policy.
// No behaviour; everything compares with ==.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/net/addr.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::model {

enum class Encapsulation : std::uint8_t {
  kIpip = FL_ENCAP_IPIP,
  kGue = FL_ENCAP_GUE,
  kL2 = FL_ENCAP_L2,
};

/// Where control asks for a backend's load itself (docs/health.md, "Who reports").
enum class LoadSourceKind : std::uint8_t { kNone, kOrca, kPrometheus, kAgentCheck };

/// Names of a service's own metrics; "": it has none. `latency`: of a histogram or summary, without
/// _sum and _count.
struct ScrapeNames {
  std::string requests;
  std::string errors;
  std::string active;
  std::string latency;
  friend bool operator==(const ScrapeNames&, const ScrapeNames&) = default;
};

struct LoadSource {
  LoadSourceKind kind = LoadSourceKind::kNone;
  std::uint16_t port = 9100;
  std::string path = "/metrics";  // kPrometheus
  std::uint32_t interval_ms = 1000;
  ScrapeNames names;
  friend bool operator==(const LoadSource&, const LoadSource&) = default;
};

/// One backend of one vip's pool. The same id in two vips is the same backend.
struct Backend {
  std::string id;
  net::IpAddr address;
  std::uint32_t weight = 100;       // configured share, 0..10000; 0: no new flows by weight
  std::uint32_t capacity = 0;       // most requests served at once; 0: unknown
  std::optional<net::MacAddr> mac;  // l2 only
  std::optional<std::uint16_t> health_port;  // default: the vip's port
  LoadSource source;
  std::vector<std::uint8_t> server_id;  // QUIC; empty: from the address (model/quic.hh)
  friend bool operator==(const Backend&, const Backend&) = default;
};

/// kHost: no probe of its own; what the same backend's probes in other pools say about its host.
enum class ProbeKind : std::uint8_t { kNone, kTcp, kHttp, kHost, kHttps, kGrpc, kUdp, kGrpcs };
constexpr bool probes(ProbeKind kind) {
  return kind != ProbeKind::kNone && kind != ProbeKind::kHost;
}

/// How probes get to a backend: to its own address, or to the vip through its tunnel.
enum class ProbeVia : std::uint8_t { kDirect, kTunnel };

/// Codes of HTTP, both ends included.
struct StatusRange {
  std::uint16_t least = 200;
  std::uint16_t most = 399;
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

/// What a probe says and wants to hear; the kind decides which members count.
struct ProbeTalk {
  std::string path = "/";                          // http, https
  std::vector<StatusRange> status = {{200, 399}};  // http, https
  std::string body;        // http, https: in the first 64 KiB of the body; "": anything
  std::string body_regex;  // the same as an expression of RE2
  std::string tls_name;    // https, grpcs: asked for and, with tls_verify, proven; "": none
  bool tls_verify = false;
  std::string service;  // grpc, grpcs; "": the server as a whole
  std::string send;     // udp: bytes
  std::string expect;   // udp: bytes in the answer; "": any answer
  friend bool operator==(const ProbeTalk&, const ProbeTalk&) = default;
};

/// Who may take a backend out: its probes alone; probes and traffic together (while clients'
/// handshakes complete, failing probes are not believed); or either of them.
enum class Quorum : std::uint8_t { kProbe, kBoth, kEither };

/// Health checking of a pool; times in milliseconds.
struct Health {
  ProbeKind kind = ProbeKind::kTcp;
  ProbeVia via = ProbeVia::kDirect;
  ProbeTalk talk;
  std::uint32_t interval_ms = 500;
  std::uint32_t timeout_ms = 300;
  std::uint32_t rise = 2;
  std::uint32_t fall = 2;
  std::uint32_t min_healthy_pct = 0;  // fewer healthy than this: all are used (fail open)
  Quorum quorum = Quorum::kProbe;
  std::uint32_t slow_start_ms = 0;  // until a backend that came up has its whole weight; 0: at once
  std::uint32_t flap_limit = 0;     // falls, fading, above which it stays down; 0: off
  std::uint32_t flap_half_life_ms = 60'000;
  double outlier_failures = 0;  // share of failures that makes an outlier; 0: off
  std::uint32_t outlier_cap_pct = 10;
  std::uint32_t outlier_hold_ms = 30'000;
  friend bool operator==(const Health&, const Health&) = default;
};

/// How QUIC connection ids of a vip name their backend: one configuration of QUIC-LB.
struct QuicConfig {
  std::uint8_t number = 0;  // in the id's first three bits: 0..6
  std::uint8_t server_id_bytes = 4;
  friend bool operator==(const QuicConfig&, const QuicConfig&) = default;
};

struct Vip {
  std::string name;
  net::Prefix prefix;
  net::IpProto protocol = net::IpProto::kTcp;
  std::uint16_t port = 0;  // host order; 0: any
  Encapsulation encapsulation = Encapsulation::kIpip;
  std::uint8_t choices = 3;
  bool stateless = false;        // udp: stateless; flows are not entered into the flow table
  std::uint32_t table_size = 0;  // 0: see default_table_size()
  std::uint16_t mss = 0;         // SYNs offer at most this; 0: as they come; FL_MSS_AUTO: what fits
  bool answers_echo = true;
  std::vector<QuicConfig> quic;  // empty: connection ids are not read
  Health health;
  std::vector<Backend> backends;
  friend bool operator==(const Vip&, const Vip&) = default;
};

struct Node {
  std::string id = "lb1";
  std::optional<net::IpAddr> address;   // outer IPv4 source
  std::optional<net::IpAddr> address6;  // outer IPv6 source
  friend bool operator==(const Node&, const Node&) = default;
};

/// Who fills in the checksum of outer IPv4 headers (dataplane/checksums.hh).
enum class Checksums : std::uint8_t { kSoftware, kAuto };

/// What `ports[].mtu` may be: IPv6's least (RFC 8200, 5), and what a packet buffer of 2048 bytes
/// holds besides an Ethernet header, two VLAN tags and a checksum that a device may leave on.
inline constexpr std::uint32_t kLeastMtu = 1280;
inline constexpr std::uint32_t kLargestPortMtu = 2022;

struct Port {
  std::string device;                       // DPDK device: PCI address or "net_af_xdp0,iface=eth0"
  std::optional<net::MacAddr> gateway_mac;  // else resolved
  std::optional<net::IpAddr> gateway;       // next hop; default: the kernel's default route
  std::optional<net::IpAddr> gateway6;
  std::string punt_tap;  // tap interface to make for the kernel's packets; "": none
  Checksums checksums = Checksums::kSoftware;
  std::uint32_t mtu = 0;  // bytes of the largest IP packet; 0: as the device has it
  friend bool operator==(const Port&, const Port&) = default;
};

enum class OuterDf : std::uint8_t { kSet, kCopy, kClear };

/// How tunnels and the node's own ICMP messages look (docs/wire-format.md).
struct Outgoing {
  // Outer sources. A prefix: the flow's hash goes into the bits behind it. None: the node's
  // address.
  std::optional<net::Prefix> source4;
  std::optional<net::Prefix> source6;
  std::uint8_t ttl = 64;
  std::optional<std::uint8_t> dscp;  // none: that of the packet inside
  OuterDf df = OuterDf::kSet;
  bool udp_checksum = false;
  bool icmp_from_node = false;            // else from the vip
  std::uint32_t icmp_error_limit = 1000;  // per second and worker; 0: none
  std::uint32_t icmp_echo_limit = 1000;
  friend bool operator==(const Outgoing&, const Outgoing&) = default;
};

enum class PolicyName : std::uint8_t {
  kStatic,
  kWrr,
  kWlc,
  kLatency,
  kPrequal,
  kAdaptive,
  kEg,
  kActorCritic,
};

}  // namespace fairlead::model
