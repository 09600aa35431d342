// SPDX-License-Identifier: BSD-3-Clause
// The exchange of counts as control uses it: which backends, whether it can be relied on.
#pragma once

#include <memory>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "control/config/config.hh"
#include "control/exchange/client.hh"
#include "control/steering/steering.hh"

namespace fairlead::control {

/// Decides from moment to moment whether scores may count on others' counts. Tables follow that
/// (fl_set_member_parallel), so it must not change with every lost datagram. Pure.
class Trust {
 public:
  static constexpr base::Nanoseconds kSteady = base::kSecond;
  /// True: the verdict changed.
  bool look(bool fresh, base::Nanoseconds now) {
    if (fresh == trusted_) since_ = now;
    if (fresh == trusted_ || now < since_ + kSteady) return false;
    trusted_ = fresh;
    since_ = now;
    return true;
  }
  [[nodiscard]] bool trusted() const { return trusted_; }

 private:
  bool trusted_ = false;
  base::Nanoseconds since_ = 0;  // when it last agreed with what was seen
};

/// Control's main thread, but for the thread inside.
class ExchangeLink {
 public:
  /// Does nothing where no monitors are configured. The regions outlive this.
  base::Result<bool> start(
      const config::Config& config, const fl_workers& workers, fl_scores& scores
  );
  [[nodiscard]] bool running() const { return client_ != nullptr; }
  /// A monitor answers.
  [[nodiscard]] bool fresh() const { return running() && client_->fresh(); }

  /// After a publication: numbers may be others.
  void set_backends(const std::vector<std::string>& ids, const steering::Steering& steering);
  /// True: shared() or knows_parallel() changed, tables must follow.
  bool judge(base::Nanoseconds now);
  /// Others' counts have been there for a second or longer.
  [[nodiscard]] bool shared() const { return trust_.trusted(); }

  /// Scores go by others' counts, and may use c: the nodes are not too few.
  [[nodiscard]] bool knows_parallel() const { return many_.trusted(); }
  /// In flight through other nodes at a backend. Requires: running().
  [[nodiscard]] std::uint32_t elsewhere(std::uint32_t number) const {
    return client_->elsewhere(number);
  }

  /// Requires: running().
  [[nodiscard]] exchange::Mirror::State state() const { return client_->state(); }
  [[nodiscard]] nlohmann::json show() const;

 private:
  std::unique_ptr<exchange::Client> client_;
  std::vector<std::string> monitors_;
  std::vector<exchange::Client::Place> places_;
  Trust trust_;
  Trust many_;
};

}  // namespace fairlead::control
