// SPDX-License-Identifier: BSD-3-Clause
// Base layers of vips in etcd: PREFIX/base/VIP, in parts (etcd/large.hh). Why: docs/fleet.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/etcd/client.hh"
#include "control/etcd/copy.hh"

namespace fairlead::fleet {

/// One as it is stored. A base that did not change keeps its very bytes.
struct StoredBase {
  std::shared_ptr<const std::string> bytes;
  std::int64_t revision = 0;  // of etcd, when it was written
};
using Bases = std::map<std::string, StoredBase>;  // by vip

/// What the leader wants stored.
struct BaseWrite {
  std::optional<std::string> bytes;  // nullopt: it goes
  std::int64_t replaces = 0;         // StoredBase::revision; 0: there is none
  etcd::Guard leader;                // another leader's word is not overwritten
};

/// The bases among all keys below `prefix` + "/"; `before`: those of the last copy. One whose parts
/// are not all there stays as it was.
Bases bases_in(const etcd::Copy::Values& values, const std::string& prefix, const Bases& before);

/// Whether a key, without the prefix and its "/", is a base's.
bool is_base_key(std::string_view name);

/// Blocks as the client does. Not done: another one wrote, or another leads.
base::Result<etcd::Outcome> write_base(
    etcd::Client& client, const std::string& prefix, const std::string& vip, const BaseWrite& write
);

/// A value in parts over an older one, whose parts go. `guards` decide when its head is written.
base::Result<etcd::Outcome> write_large(
    etcd::Client& client,
    const std::string& key,
    const std::string& value,
    const std::vector<etcd::Guard>& guards
);

}  // namespace fairlead::fleet
