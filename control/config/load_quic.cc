// SPDX-License-Identifier: BSD-3-Clause
// QUIC-LB configurations and server ids: keys, ranges, clashes.
#include "control/config/load_quic.hh"

#include <algorithm>
#include <charconv>
#include <string>

#include "control/model/quic.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

/// Pairs of hexadecimal digits; empty if it is anything else.
std::vector<std::uint8_t> bytes_of_hex(const std::string& text) {
  std::vector<std::uint8_t> out;
  if (text.size() % 2 != 0) return out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* const end = text.data() + i + 2;
    const auto [stop, error] = std::from_chars(text.data() + i, end, byte, 16);
    if (error != std::errc{} || stop != end) return {};
    out.push_back(byte);
  }
  return out;
}

}  // namespace

void load_quic(const Section& s, model::Vip& vip, Diagnosis& diagnosis) {
  const auto items = s.list("quic");
  if (!items.empty() && vip.protocol != net::IpProto::kUdp)
    s.error("quic", "is for udp vips, set the vip's protocol to udp or remove it");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Section q(
        &items[i],
        items[i].line,
        s.path_of("quic[" + std::to_string(i) + "]"),
        {"config", "server_id_bytes"},
        diagnosis
    );
    model::QuicConfig config;
    if (q.require("config", "config: 0"))
      config.number = static_cast<std::uint8_t>(q.whole("config", {0, FL_QUIC_CONFIGS - 1}, 0));
    if (q.require("server_id_bytes", "server_id_bytes: 4"))
      config.server_id_bytes =
          static_cast<std::uint8_t>(q.whole("server_id_bytes", {1, FL_QUIC_SERVER_ID_BYTES}, 4));
    const bool taken = std::any_of(vip.quic.begin(), vip.quic.end(), [&](const auto& other) {
      return other.number == config.number;
    });
    if (taken)
      q.error(
          "config", "'" + std::to_string(config.number) + "' is used twice, each needs a number"
      );
    vip.quic.push_back(config);
  }
}

void load_server_id(const Section& b, const model::Vip& vip, model::Backend& backend) {
  b.shape("server_id", "^([0-9A-Fa-f]{2}){1,15}$");
  if (!b.has("server_id")) return;
  const std::string text = b.text("server_id", "");
  backend.server_id = bytes_of_hex(text);
  if (vip.quic.empty()) return b.warn("server_id", "is used by vips with quic only");
  const bool fits = std::any_of(vip.quic.begin(), vip.quic.end(), [&](const auto& config) {
    return config.server_id_bytes == backend.server_id.size();
  });
  if (backend.server_id.empty() || !fits)
    b.error(
        "server_id",
        base::quoted(text) + " must be hexadecimal, two digits a byte, as many bytes as the " +
            "server_id_bytes of one of the vip's quic configurations"
    );
}

void check_server_ids(const Section& s, const model::Vip& vip) {
  const auto clash = model::server_id_clash(vip);
  if (!clash) return;
  s.error(
      "quic",
      "backends " + base::quoted(vip.backends[clash->first].id) + " and " +
          base::quoted(vip.backends[clash->second].id) +
          " have the same server id in configuration " + std::to_string(clash->config.number) +
          ", raise server_id_bytes or give one of them a server_id"
  );
}

}  // namespace fairlead::config
