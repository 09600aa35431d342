// SPDX-License-Identifier: BSD-3-Clause
// The fleet's secret, and where its state lies.
#include "control/config/load_fleet.hh"

#include "control/config/units.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

// Public, so only for labs: bytes 00 01 .. 0f.
constexpr std::array<std::uint64_t, 2> kDefaultHashKey = {
    0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

void load_key(const Section& s, Fleet& fleet) {
  fleet.hash_key = kDefaultHashKey;
  s.shape("hash_key", "^[0-9A-Fa-f]{32}$");
  if (!s.has("hash_key")) return;
  const auto key = parse_key128(s.text("hash_key", ""));
  if (!key) {
    s.error(
        "hash_key", "must be 32 hexadecimal digits in quotes, make one with: openssl rand -hex 16"
    );
    return;
  }
  if (*key == std::array<std::uint64_t, 2>{}) {
    s.error("hash_key", "is all zero, which is no secret, make one with: openssl rand -hex 16");
  }
  fleet.hash_key = *key;
  fleet.hash_key_is_default = *key == kDefaultHashKey;
}

constexpr std::size_t kMostEndpoints = 9;

/// A name or an address, and a port.
bool is_host_and_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() > 255) return false;
  const auto port = parse_whole(text.substr(colon + 1));
  const std::string_view host = text.substr(0, colon);
  const bool plain = host.find_first_of(":/ []@?#") == std::string_view::npos;
  return port && *port >= 1 && *port <= 65535 && (plain || is_endpoint(text));
}

Etcd load_etcd(const Section& s) {
  Etcd e;
  for (const Value& item : s.list("endpoints")) {
    if (item.kind != Value::Kind::kScalar || !is_host_and_port(item.text)) {
      s.error(
          "endpoints",
          base::quoted(item.text) + " is not HOST:PORT, use for example 192.0.2.31:2379"
      );
    }
    e.endpoints.push_back(item.text);
  }
  if (e.endpoints.size() > kMostEndpoints) s.error("endpoints", "lists more than 9, remove some");
  e.prefix = s.text("prefix", e.prefix);
  if (e.prefix.front() != '/' || e.prefix.back() == '/') {
    s.error("prefix", "must begin with '/' and not end with it, for example /fairlead");
  }
  e.user = s.text("user", "");
  e.password_file = s.file("password_file");
  e.ca_file = s.file("ca_file");
  e.cert_file = s.file("cert_file");
  e.key_file = s.file("key_file");
  if (e.user.empty() != e.password_file.empty())
    s.error("user", "needs password_file, and that needs user");
  if (e.cert_file.empty() != e.key_file.empty())
    s.error("cert_file", "needs key_file, and that needs cert_file");
  if (!e.cert_file.empty() && e.ca_file.empty())
    s.error("cert_file", "needs ca_file: without that there is no TLS");
  return e;
}

}  // namespace

Fleet load_fleet(const Section& root) {
  const Section s = root.section("fleet", {"hash_key", "nodes", "etcd"});
  Fleet fleet;
  load_key(s, fleet);
  static constexpr std::string_view kNodes[] = {"several", "one"};
  fleet.one_node = s.word("nodes", kNodes, 0) == 1;
  fleet.etcd = load_etcd(s.section(
      "etcd", {"endpoints", "prefix", "user", "password_file", "ca_file", "cert_file", "key_file"}
  ));
  if (fleet.one_node && !fleet.etcd.endpoints.empty())
    s.error("nodes", "'one' is for a node without a fleet, remove etcd.endpoints");
  return fleet;
}

}  // namespace fairlead::config
