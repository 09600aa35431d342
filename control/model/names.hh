// SPDX-License-Identifier: BSD-3-Clause
// The words of configuration files, API and metrics for the enumerations of the model.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "control/model/model.hh"

namespace fairlead::model {

// In the order of the enumerators.
inline constexpr std::array<std::string_view, 3> kEncapsulationNames = {"ipip", "gue", "l2"};
inline constexpr std::array<std::string_view, 8> kProbeKindNames = {
    "none", "tcp", "http", "host", "https", "grpc", "udp", "grpcs"};
inline constexpr std::array<std::string_view, 2> kProbeViaNames = {"direct", "tunnel"};
inline constexpr std::array<std::string_view, 4> kLoadSourceNames = {
    "none", "orca", "prometheus", "agent-check"};
inline constexpr std::array<std::string_view, 3> kQuorumNames = {"probe", "both", "either"};
inline constexpr std::array<std::string_view, 8> kPolicyNames = {
    "static", "wrr", "wlc", "latency", "prequal", "adaptive", "eg", "actor-critic"};

inline std::string_view to_string(Encapsulation e) {
  return kEncapsulationNames[static_cast<std::size_t>(e) - FL_ENCAP_IPIP];
}
inline std::string_view to_string(ProbeKind k) {
  return kProbeKindNames[static_cast<std::size_t>(k)];
}
inline std::string_view to_string(ProbeVia v) {
  return kProbeViaNames[static_cast<std::size_t>(v)];
}
inline std::string_view to_string(PolicyName p) {
  return kPolicyNames[static_cast<std::size_t>(p)];
}
inline std::string_view to_string(net::IpProto p) {
  return p == net::IpProto::kTcp ? "tcp" : p == net::IpProto::kUdp ? "udp" : "other";
}

/// "203.0.113.10:80/tcp", "[2001:db8::1]:53/udp", "203.0.113.0/28:0/tcp".
inline std::string endpoint_text(const net::Prefix& prefix, std::uint16_t port, net::IpProto p) {
  const std::string address = prefix.to_string();
  return (prefix.address.is_v4() ? address : "[" + address + "]") + ":" + std::to_string(port) +
         "/" + std::string(to_string(p));
}

}  // namespace fairlead::model
