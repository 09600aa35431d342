// SPDX-License-Identifier: BSD-3-Clause
// Server ids to members.
#include "control/steering/quic_index.hh"

#include <algorithm>
#include <cstring>

#include "control/model/quic.hh"
#include "dataplane/steer/flow_hash.h"

namespace fairlead::steering {
namespace {

std::vector<fl_quic_server> entries(
    const model::Vip& vip, const std::vector<std::uint32_t>& members
) {
  std::vector<fl_quic_server> out;
  for (const model::QuicConfig& config : vip.quic) {
    for (std::size_t i = 0; i < vip.backends.size(); ++i) {
      const auto id = model::server_id(vip.backends[i], config.server_id_bytes);
      fl_quic_server entry{};
      entry.key[0] = config.number;
      std::copy(id.begin(), id.end(), entry.key + 1);
      entry.member = members[i];
      out.push_back(entry);
    }
  }
  return out;
}

/// False when an entry would lie more than FL_VIP_PROBES away.
bool fill(const std::vector<fl_quic_server>& all, std::vector<fl_quic_server>& index) {
  const auto mask = static_cast<std::uint32_t>(index.size() - 1);
  for (const fl_quic_server& entry : all) {
    std::uint64_t words[2];
    std::memcpy(words, entry.key, sizeof words);
    const std::uint32_t start = fl_vip_hash(words[0], words[1], 0, 0);
    std::uint32_t step = 0;
    while (step < FL_VIP_PROBES && index[(start + step) & mask].member != FL_NO_MEMBER) ++step;
    if (step == FL_VIP_PROBES) return false;
    index[(start + step) & mask] = entry;
  }
  return true;
}

}  // namespace

std::vector<fl_quic_server> quic_index(
    const model::Vip& vip, const std::vector<std::uint32_t>& members
) {
  std::vector<fl_quic_server> index;
  if (vip.quic.empty()) return index;
  const std::vector<fl_quic_server> all = entries(vip, members);
  fl_quic_server free{};
  free.member = FL_NO_MEMBER;
  for (std::size_t size = 8;; size *= 2) {
    if (size < 2 * all.size()) continue;
    index.assign(size, free);
    if (fill(all, index)) return index;
  }
}

}  // namespace fairlead::steering
