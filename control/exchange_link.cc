// SPDX-License-Identifier: BSD-3-Clause
// Between the node and exchange/client.hh.
#include "control/exchange_link.hh"

#include <nlohmann/json.hpp>

#include "dataplane/sys/log.hh"

namespace fairlead::control {

base::Result<bool> ExchangeLink::start(
    const config::Config& config, const fl_workers& workers, fl_scores& scores
) {
  monitors_ = config.monitoring.monitors;
  if (monitors_.empty()) return true;
  FL_ASSIGN(
      client_,
      exchange::Client::start(
          {.monitors = monitors_,
           .node = config.node.id,
           .fleet_key = config.fleet.hash_key,
           .interval = config.monitoring.exchange},
          workers,
          scores
      )
  );
  return true;
}

void ExchangeLink::set_backends(
    const std::vector<std::string>& ids, const steering::Steering& steering
) {
  if (!running()) return;
  std::vector<exchange::Client::Place> places;
  for (const std::string& id : ids) {
    if (const auto number = steering.backend_number(id)) places.push_back({id, *number});
  }
  if (places == places_) return;
  client_->set_backends(places);
  places_ = std::move(places);
}

bool ExchangeLink::judge(base::Nanoseconds now) {
  if (!running()) return false;
  const bool many_changed = many_.look(client_->used_of_many(), now);
  if (!trust_.look(client_->fresh(), now)) return many_changed;
  shared()
      ? sys::log_info("counts in flight are shared with the fleet")
      : sys::log_warn("counts in flight of other nodes are stale, only those of this node count");
  return true;
}

nlohmann::json ExchangeLink::show() const {
  const exchange::Mirror::State s = client_->state();
  const auto ms = [](base::Nanoseconds ns) { return static_cast<double>(ns) / 1e6; };
  return {
      {"fresh", s.fresh},
      {"shared", shared()},
      {"worth_using", s.worth_using},
      {"monitor", monitors_[s.in_use]},
      {"nodes", s.nodes},
      {"age_ms", ms(s.age)},
      {"rounds", s.rounds},
      {"answers", s.answers},
      {"bytes_received", client_->bytes_received()},
      {"loop_ms", {{"p50", ms(s.loop_p50)}, {"p99", ms(s.loop_p99)}}},
  };
}

}  // namespace fairlead::control
