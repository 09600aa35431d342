// SPDX-License-Identifier: BSD-3-Clause
// The last thing that went wrong between the agent and a peer of it, and whether it is over.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "dataplane/base/clock.hh"

namespace fairlead::agent {

/// A plain value; who holds it guards it. What has once gone wrong stays readable, but never looks
/// as if it still were so.
struct Trouble {
  std::string what;  // "": never any
  base::Nanoseconds at_ns = 0;
  bool recovered = false;

  void begin(std::string reason, base::Nanoseconds now) { *this = {std::move(reason), now, false}; }
  void end() { recovered = !what.empty(); }
};

/// {"what", "age_s", "recovered"}; null if there never was any.
inline nlohmann::json as_json(const Trouble& trouble, base::Nanoseconds now) {
  if (trouble.what.empty()) return nullptr;
  return {
      {"what", trouble.what},
      {"age_s", now > trouble.at_ns ? (now - trouble.at_ns) / base::kSecond : 0},
      {"recovered", trouble.recovered}};
}

}  // namespace fairlead::agent
