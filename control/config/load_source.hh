// SPDX-License-Identifier: BSD-3-Clause
// Where control asks for backends' load itself: monitoring.source, and what a backend changes of
// it.
#pragma once

#include <string_view>
#include <vector>

#include "control/config/section.hh"
#include "control/model/model.hh"

namespace fairlead::config {

/// The keys of `monitoring`, which is read in two places.
inline std::vector<std::string_view> monitoring_keys() {
  return {"interval", "listen", "monitors", "exchange", "certificate", "key", "ca", "source"};
}

/// `monitoring.source`: the defaults of all backends.
model::LoadSource load_default_source(const Section& root);
/// A backend's own `source`.
model::LoadSource load_source(const Section& backend, const model::LoadSource& defaults);

}  // namespace fairlead::config
