// SPDX-License-Identifier: BSD-3-Clause
// Compare, derive, store.
#include "control/central/base_keeper.hh"

#include <algorithm>
#include <set>

#include "dataplane/sys/log.hh"

namespace fairlead::central {
namespace {

constexpr base::Nanoseconds kAgain = 5 * base::kSecond;

/// The pool as nodes build it: without members that an operator took out of it.
model::Vip without_removed(model::Vip vip, const control::Holds& holds) {
  std::erase_if(vip.backends, [&](const model::Backend& b) {
    return control::held_as(holds, {vip.name, b.id}).removed;
  });
  return vip;
}

}  // namespace

void BaseKeeper::turn(
    const config::Config& config,
    const control::Holds& holds,
    fleet::Store& store,
    const etcd::Guard& leader,
    base::Nanoseconds now
) {
  const fleet::Store::State state = store.state();
  if (!state.known || state.away) return;
  const bool changed = control::take_bases(known_, store.bases());
  if (!changed && now < due_) return;
  due_ = now + kAgain;
  std::set<std::string> served;
  for (const model::Vip& vip : config.vips) {
    served.insert(vip.name);
    store_missing(without_removed(vip, holds), config.fleet.hash_key, store, leader);
  }
  for (const auto& [vip, base] : known_)
    if (served.count(vip) == 0) store.store_base(vip, {std::nullopt, base.revision, leader});
}

void BaseKeeper::store_missing(
    const model::Vip& vip,
    const steering::HashKey& key,
    fleet::Store& store,
    const etcd::Guard& leader
) {
  const steering::BaseShape shape = steering::base_shape(vip);
  const auto found = known_.find(vip.name);
  const control::FleetBase stored = found == known_.end() ? control::FleetBase{} : found->second;
  if (stored.base != nullptr && stored.base->fits(shape)) return;
  const auto next = steering::next_base(stored.base.get(), shape, key);
  if (!next) {
    sys::log_error("base layer vip=" + vip.name + ": " + next.error().what);
    return;
  }
  store.store_base(vip.name, {steering::to_bytes(*next), stored.revision, leader});
  sys::log_info("stores the base layer vip=" + vip.name);
}

}  // namespace fairlead::central
