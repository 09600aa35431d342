// SPDX-License-Identifier: BSD-3-Clause
// Values that are larger than etcd takes in one request (1.5 MiB): in parts, under one head. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/etcd/client.hh"

namespace fairlead::etcd {

inline constexpr std::size_t kPartBytes = 512 * 1024;

/// The commits that store `value` under `key`, in their order: parts first, each set of them under
/// a name of its own, then the head that names them. Until the head is there, the old value is;
/// `guards` and `with` (small writes that belong to the value) go with the head.
struct LargeWrite {
  std::vector<std::vector<Write>> parts;  // a commit each; without guards
  std::vector<Write> head;                // the last commit: the head, and old parts go
};
LargeWrite split(
    const std::string& key,
    const std::string& value,
    const std::string& unique,
    const std::vector<Write>& with = {},
    std::size_t part_bytes = kPartBytes
);

/// What split() stored, from a list() of the prefix `key`. Nullopt: there is none. Errors:
/// kDataLoss, parts are missing or changed.
base::Result<std::optional<std::string>> joined(const std::string& key, const Range& listed);

}  // namespace fairlead::etcd
