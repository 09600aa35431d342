// SPDX-License-Identifier: BSD-3-Clause
// Tunnel and ICMP settings: keys and ranges.
#include "control/config/load_outgoing.hh"

#include <string>

#include "control/config/units.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/net/mss.hh"

namespace fairlead::config {
namespace {

constexpr std::uint64_t kMostMessages = 1'000'000;

// Free bits carry the flow's hash; more than these would be no use.
constexpr int kShortestPrefix4 = 8;
constexpr int kShortestPrefix6 = 64;

std::optional<net::Prefix> load_source(const Section& s, std::string_view key, bool four) {
  if (!s.has(key) || s.text(key, "node") == "node") return std::nullopt;
  const auto prefix = s.prefix(key);
  if (!prefix) return std::nullopt;
  if (prefix->address.is_v4() != four) {
    s.error(key, four ? "is IPv6, write it as source6" : "is IPv4, write it as source");
  }
  if (prefix->length < (four ? kShortestPrefix4 : kShortestPrefix6)) {
    s.error(
        key,
        "is too short: use a prefix of at least " +
            std::to_string(four ? kShortestPrefix4 : kShortestPrefix6) + " bits"
    );
  }
  return prefix;
}

std::optional<std::uint8_t> load_dscp(const Section& s) {
  s.shape("dscp", "^(copy|[0-9]+)$");
  const std::string text = s.text("dscp", "copy");
  if (text == "copy") return std::nullopt;
  const auto value = parse_whole(text);
  if (!value || *value > 63) {
    s.error("dscp", base::quoted(text) + " is not copy or a number from 0 to 63");
    return std::nullopt;
  }
  return static_cast<std::uint8_t>(*value);
}

}  // namespace

model::Outgoing load_outgoing(const Section& root) {
  static constexpr std::string_view kDf[] = {"set", "copy", "clear"};
  static constexpr std::string_view kChecksums[] = {"zero", "inner"};
  static constexpr std::string_view kSources[] = {"vip", "node"};
  model::Outgoing out;
  const Section tunnel =
      root.section("tunnel", {"source", "source6", "ttl", "dscp", "df", "udp_checksum"});
  out.source4 = load_source(tunnel, "source", true);
  out.source6 = load_source(tunnel, "source6", false);
  out.ttl = static_cast<std::uint8_t>(tunnel.whole("ttl", {1, 255}, out.ttl));
  out.dscp = load_dscp(tunnel);
  out.df = static_cast<model::OuterDf>(tunnel.word("df", kDf, 0));
  out.udp_checksum = tunnel.word("udp_checksum", kChecksums, 0) == 1;
  const Section icmp = root.section("icmp", {"errors", "echo", "source"});
  const Range limit{0, kMostMessages};
  out.icmp_error_limit =
      static_cast<std::uint32_t>(icmp.count("errors", limit, out.icmp_error_limit));
  out.icmp_echo_limit = static_cast<std::uint32_t>(icmp.count("echo", limit, out.icmp_echo_limit));
  out.icmp_from_node = icmp.word("source", kSources, 0) == 1;
  return out;
}

void load_vip_outgoing(const Section& s, model::Vip& vip) {
  static constexpr std::string_view kEcho[] = {"answer", "kernel"};
  vip.answers_echo = s.word("echo", kEcho, 0) == 0;
  s.shape("mss", "^(off|auto|[0-9]+)$");
  const std::string mss = s.text("mss", "off");
  if (mss == "off") return;
  if (vip.protocol != net::IpProto::kTcp) s.error("mss", "is for TCP vips, remove it");
  if (mss == "auto") {
    vip.mss = FL_MSS_AUTO;
    return;
  }
  const auto value = parse_whole(mss);
  if (!value || *value < net::kLeastMss || *value > 9000) {
    s.error(
        "mss",
        base::quoted(mss) + " is not off, auto or a number of bytes from " +
            std::to_string(net::kLeastMss) + " to 9000"
    );
    return;
  }
  vip.mss = static_cast<std::uint16_t>(*value);
}

}  // namespace fairlead::config
