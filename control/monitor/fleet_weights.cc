// SPDX-License-Identifier: BSD-3-Clause
// Digest, order and wire form.
#include "control/monitor/fleet_weights.hh"

#include "control/monitor/monitor.pb.h"

namespace fairlead::monitor {
namespace {

// FNV-1a.
struct Digest {
  std::uint64_t value = 0xcbf29ce484222325ULL;
  void add(unsigned char byte) { value = (value ^ byte) * 0x100000001b3ULL; }
  void add(const std::string& text) {
    for (const char c : text) add(static_cast<unsigned char>(c));
    add(static_cast<unsigned char>(0));
  }
  void add(std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8)
      add(static_cast<unsigned char>((number >> shift) & 0xff));
  }
};

}  // namespace

std::uint64_t digest_of(const FleetWeights& weights) {
  Digest digest;
  for (const auto& [vip, pool] : weights.pools) {
    digest.add(vip);
    for (const auto& [id, weight] : pool) {
      digest.add(id);
      digest.add(weight.weight);
      digest.add(weight.parallel);
    }
    digest.add(static_cast<unsigned char>(1));
  }
  return digest.value;
}

bool supersedes(const FleetWeights& next, const FleetWeights& now) {
  if (next.generation != now.generation) return next.generation > now.generation;
  return next.generation != 0 && digest_of(next) == digest_of(now);
}

v1::FleetWeights to_wire(const FleetWeights& weights) {
  v1::FleetWeights out;
  out.set_generation(weights.generation);
  out.set_digest(digest_of(weights));
  out.set_frozen(weights.frozen);
  for (const auto& [vip, pool] : weights.pools) {
    v1::PoolWeights& row = *out.add_pools();
    row.set_vip(vip);
    for (const auto& [id, weight] : pool) {
      row.add_backend(id);
      row.add_weight(weight.weight);
      row.add_parallel(weight.parallel);
      row.add_inverse(weight.inverse_weight);
    }
  }
  return out;
}

std::optional<FleetWeights> from_wire(const v1::FleetWeights& wire, std::uint64_t term) {
  FleetWeights out;
  out.term = term;
  out.generation = wire.generation();
  out.frozen = wire.frozen();
  for (const v1::PoolWeights& row : wire.pools()) {
    const int count = row.backend_size();
    if (row.weight_size() != count || row.parallel_size() != count || row.inverse_size() != count)
      return std::nullopt;
    auto& pool = out.pools[row.vip()];
    for (int i = 0; i < count; ++i)
      pool[row.backend(i)] = {row.weight(i), row.parallel(i), row.inverse(i)};
  }
  if (digest_of(out) != wire.digest()) return std::nullopt;
  return out;
}

}  // namespace fairlead::monitor
