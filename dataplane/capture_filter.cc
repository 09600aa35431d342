// SPDX-License-Identifier: BSD-3-Clause
// Reading a filter word by word.
#include "dataplane/capture_filter.hh"

#include <charconv>
#include <sstream>

#include "dataplane/base/printable.hh"

namespace fairlead::dataplane {
namespace {

constexpr int kIcmp = static_cast<int>(net::IpProto::kIcmp);
constexpr int kIcmpv6 = static_cast<int>(net::IpProto::kIcmpv6);

std::optional<int> protocol_named(const std::string& word) {
  if (word == "tcp") return static_cast<int>(net::IpProto::kTcp);
  if (word == "udp") return static_cast<int>(net::IpProto::kUdp);
  if (word == "icmp") return kIcmp;
  return std::nullopt;
}

}  // namespace

base::Result<void> CaptureFilter::take(const std::string& word, const std::string& value) {
  if (word == "src" || word == "dst" || word == "host") {
    const auto prefix = net::Prefix::parse(value);
    if (!prefix) {
      return base::invalid(
          "match: " + word + " " + base::quoted(value) +
          " is no address or prefix, write 203.0.113.10 or 2001:db8::/32"
      );
    }
    (word == "src" ? source_ : word == "dst" ? destination_ : host_) = prefix;
    return {};
  }
  if (word != "sport" && word != "dport" && word != "port") {
    return base::invalid(
        "match: unknown word " + base::quoted(word) +
        ", known: tcp, udp, icmp, src, dst, host, sport, dport, port"
    );
  }
  std::uint16_t number = 0;
  const char* const last = value.data() + value.size();
  const auto [end, error] = std::from_chars(value.data(), last, number);
  if (error != std::errc() || end != last || value.empty()) {
    return base::invalid("match: " + word + " " + base::quoted(value) + " is not 0 to 65535");
  }
  (word == "sport" ? source_port_ : word == "dport" ? destination_port_ : port_) = number;
  return {};
}

base::Result<CaptureFilter> CaptureFilter::parse(const std::string& text) {
  CaptureFilter filter;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    filter.any_ = false;
    if (const auto protocol = protocol_named(word)) {
      if (filter.protocol_) return base::invalid("match: two protocols, no packet has both");
      filter.protocol_ = protocol;
      continue;
    }
    std::string value;
    words >> value;
    FL_TRY(filter.take(word, value));
  }
  return filter;
}

bool CaptureFilter::matches(const net::FiveTuple& t) const {
  if (any_) return true;
  if (t.family == 0) return false;
  if (protocol_) {
    const int packet = t.protocol == kIcmpv6 ? kIcmp : t.protocol;
    if (packet != *protocol_) return false;
  }
  if (source_port_ && t.source_port() != *source_port_) return false;
  if (destination_port_ && t.destination_port() != *destination_port_) return false;
  if (port_ && t.source_port() != *port_ && t.destination_port() != *port_) return false;
  if (source_ && !source_->contains(t.source_address())) return false;
  if (destination_ && !destination_->contains(t.destination_address())) return false;
  return !host_ || host_->contains(t.source_address()) || host_->contains(t.destination_address());
}

}  // namespace fairlead::dataplane
