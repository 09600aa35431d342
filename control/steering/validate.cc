// SPDX-License-Identifier: BSD-3-Clause
// What a plan refuses: pools that cannot be told apart, or that the layout has no room for.
#include "control/steering/validate.hh"

#include <set>
#include <string>
#include <tuple>

#include "control/model/quic.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::steering {

using base::ErrorCode;
using base::fail;
using base::invalid;
using base::Result;

namespace {

Result<bool> check_name(const std::string& what, const std::string& name) {
  if (name.empty() || name.size() > 255)
    return invalid(what + " " + base::quoted(name) + ": a name has 1 to 255 bytes");
  return true;
}

Result<bool> check_vip(const model::Vip& vip) {
  FL_TRY(check_name("vip", vip.name));
  const std::string name = "vip " + vip.name;
  if (vip.protocol != net::IpProto::kTcp && vip.protocol != net::IpProto::kUdp)
    return invalid(name + ": protocol must be tcp or udp");
  if (vip.prefix.length < 0 || vip.prefix.length > vip.prefix.address.bits())
    return invalid(
        name + ": prefix length " + std::to_string(vip.prefix.length) + " is impossible"
    );
  if (vip.choices < 1 || vip.choices > FL_MAX_CANDIDATES)
    return invalid(name + ": choices is " + std::to_string(vip.choices) + ", must be 1 to 4");
  if (vip.table_size != 0 && !is_table_size(vip.table_size)) {
    std::string sizes;
    for (const std::uint32_t size : table_sizes()) sizes += " " + std::to_string(size);
    return invalid(
        name + ": table_size " + std::to_string(vip.table_size) + " is not one of" + sizes
    );
  }
  return true;
}

Result<bool> check_quic(const model::Vip& vip) {
  const std::string name = "vip " + vip.name;
  if (!vip.quic.empty() && vip.protocol != net::IpProto::kUdp)
    return invalid(name + ": quic configurations are for udp vips");
  std::set<std::uint8_t> numbers;
  for (const model::QuicConfig& config : vip.quic) {
    const bool possible = config.number < FL_QUIC_CONFIGS && config.server_id_bytes >= 1 &&
                          config.server_id_bytes <= FL_QUIC_SERVER_ID_BYTES;
    if (!possible || !numbers.insert(config.number).second)
      return invalid(
          name + ": quic configuration " + std::to_string(config.number) + " with server ids of " +
          std::to_string(config.server_id_bytes) + " bytes is impossible or given twice"
      );
  }
  if (const auto clash = model::server_id_clash(vip))
    return invalid(
        name + ": backends " + vip.backends[clash->first].id + " and " +
        vip.backends[clash->second].id + " have one quic server id"
    );
  return true;
}

Result<bool> check_ids(const model::Vip& vip) {
  const std::string name = "vip " + vip.name;
  std::set<std::string> ids;
  for (const model::Backend& backend : vip.backends) {
    FL_TRY(check_name(name + ": backend", backend.id));
    if (!ids.insert(backend.id).second)
      return invalid(name + ": backend " + backend.id + " is listed twice");
  }
  return true;
}

Result<bool> check_backends(const PoolIntent& pool) {
  const auto name = [&] { return "vip " + pool.vip.name; };
  if (pool.backends.size() != pool.vip.backends.size())
    return fail(ErrorCode::kInternal, name() + ": intents and backends differ in number");
  for (std::size_t i = 0; i < pool.backends.size(); ++i) {
    const BackendIntent& intent = pool.backends[i];
    const auto backend = [&] { return name() + ": backend " + pool.vip.backends[i].id; };
    if (intent.weight > kMaxWeight)
      return invalid(backend() + ": weight " + std::to_string(intent.weight) + " is above 10000");
    if (intent.state == FL_MEMBER_FREE || intent.state > FL_MEMBER_DOWN)
      return fail(ErrorCode::kInternal, backend() + ": impossible state");
  }
  return true;
}

Result<bool> check_node(const NodeIntent& node) {
  if (node.address4 && !node.address4->is_v4())
    return invalid("node address " + node.address4->to_string() + " is not IPv4");
  if (node.address6 && node.address6->is_v4())
    return invalid("node address6 " + node.address6->to_string() + " is not IPv6");
  return true;
}

}  // namespace

Result<bool> validate(const std::vector<PoolIntent>& pools, const NodeIntent& node) {
  if (pools.size() > FL_MAX_VIPS)
    return fail(
        ErrorCode::kResourceExhausted,
        std::to_string(pools.size()) + " vips, at most " + std::to_string(FL_MAX_VIPS) +
            " are possible"
    );
  FL_TRY(check_node(node));
  std::set<std::string> names;
  std::set<std::tuple<net::Prefix, net::IpProto, std::uint16_t>> destinations;
  std::set<std::tuple<net::Family, int, bool>> shapes;
  for (const PoolIntent& pool : pools) {
    const model::Vip& vip = pool.vip;
    FL_TRY(check_vip(vip));
    FL_TRY(check_ids(vip));
    FL_TRY(check_backends(pool));
    FL_TRY(check_quic(vip));
    if (!names.insert(vip.name).second) return invalid("vip " + vip.name + " is listed twice");
    const net::Prefix prefix{vip.prefix.address.masked(vip.prefix.length), vip.prefix.length};
    if (!destinations.emplace(prefix, vip.protocol, vip.port).second)
      return invalid(
          "vip " + vip.name + ": " + prefix.to_string() + " port " + std::to_string(vip.port) +
          " belongs to another vip already"
      );
    shapes.emplace(prefix.address.family, prefix.length, vip.port == 0);
    if (shapes.size() > FL_MAX_SHAPES)
      return fail(
          ErrorCode::kResourceExhausted,
          "vip " + vip.name +
              ": the ninth combination of family, prefix length and any or exact port; "
              "at most 8 are possible"
      );
  }
  return true;
}

Result<bool> validate_numbers(const std::vector<PoolIntent>& pools, const NodeIntent& node) {
  FL_TRY(check_node(node));
  std::uint64_t checked = 0;
  for (const PoolIntent& pool : pools) {
    if (pool.numbers != 0 && pool.numbers == checked) continue;
    FL_TRY(check_backends(pool));
    checked = pool.numbers;
  }
  return true;
}

}  // namespace fairlead::steering
