// SPDX-License-Identifier: BSD-3-Clause
// The file of a store: what was known and what waits, over a restart.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dataplane/base/result.hh"

namespace fairlead::fleet {

struct Known {
  std::string value;
  std::int64_t revision = 0;  // of etcd, when it was written
  friend bool operator==(const Known&, const Known&) = default;
};

/// An own write that is not through.
struct Waiting {
  std::optional<std::string> value;  // nullopt: remove
  std::int64_t base = 0;             // revision of what it replaces; 0: nothing
  friend bool operator==(const Waiting&, const Waiting&) = default;
};

struct Saved {
  std::int64_t revision = 0;  // 0: nothing was ever read
  std::map<std::string, Known> known;
  std::map<std::string, Waiting> waiting;
  friend bool operator==(const Saved&, const Saved&) = default;
};

/// A missing file is an empty state; a damaged one is kDataLoss.
base::Result<Saved> load_saved(const std::string& path);
/// Written beside and renamed, for the daemon's user alone.
base::Result<bool> save(const std::string& path, const Saved& saved);

}  // namespace fairlead::fleet
