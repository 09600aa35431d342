// SPDX-License-Identifier: BSD-3-Clause
// Which packets a capture or a trace is about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/base/result.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/net/five_tuple.hh"

namespace fairlead::dataplane {

/// "tcp src 198.51.100.0/24 dst 203.0.113.10 dport 80": every word given must hold. Words: tcp, udp
/// or icmp; src, dst or host with an address or prefix; sport, dport or port with a number.
class CaptureFilter {
 public:
  /// Empty text: every packet. Errors: one line that names the word.
  static base::Result<CaptureFilter> parse(const std::string& text);

  /// Of a packet whose IP header could be read (`family` not 0), or of any other: these only match
  /// the empty filter.
  [[nodiscard]] bool matches(const net::FiveTuple& tuple) const;

 private:
  base::Result<void> take(const std::string& word, const std::string& value);

  bool any_ = true;
  std::optional<int> protocol_;  // ICMP stands for both versions
  std::optional<net::Prefix> source_;
  std::optional<net::Prefix> destination_;
  std::optional<net::Prefix> host_;
  std::optional<std::uint16_t> source_port_;
  std::optional<std::uint16_t> destination_port_;
  std::optional<std::uint16_t> port_;
};

}  // namespace fairlead::dataplane
