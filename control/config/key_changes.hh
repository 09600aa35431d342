// SPDX-License-Identifier: BSD-3-Clause
// What differs between two configuration texts, key by key. Pure.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::config {

struct KeyChange {
  std::string path;    // "vips[web].backends[b3].weight"
  std::string before;  // "": left out
  std::string after;
  friend bool operator==(const KeyChange&, const KeyChange&) = default;
};

/// By path. Vips, backends and ports are told apart by name, id and device, so that a moved entry
/// is no change; a list of scalars is one value. Secrets are shown as "(secret)". Errors: a text is
/// no YAML map.
base::Result<std::vector<KeyChange>> changed_keys(
    const std::string& before, const std::string& after
);

}  // namespace fairlead::config
