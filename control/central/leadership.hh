// SPDX-License-Identifier: BSD-3-Clause
// Whether this monitor is the one that publishes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/config/config.hh"
#include "control/etcd/election.hh"

namespace fairlead::central {

class Leadership {
 public:
  /// `advertise`: how other monitors reach this one, different for each. Null where no etcd is
  /// configured: then every monitor publishes, and nodes choose. `changed`: look() is another; from
  /// any thread. Errors: files that cannot be read, an address that is none.
  static base::Result<std::unique_ptr<Leadership>> start(
      const config::Etcd& config, const std::string& advertise, std::function<void()> changed
  );

  /// What start() would refuse.
  static base::Result<bool> check(const config::Etcd& config, const std::string& advertise);

  struct View {
    bool leads = true;
    std::uint64_t term = 0;
  };
  [[nodiscard]] View look() const;
  /// For what the leader of `term` writes into etcd.
  [[nodiscard]] etcd::Guard guard(std::uint64_t term) const {
    return election_->guard(static_cast<std::int64_t>(term));
  }

 private:
  Leadership(
      std::unique_ptr<etcd::Client> client, std::string advertise, std::function<void()> changed
  );
  void begin(const std::string& prefix);
  void told(const etcd::Election::State& now);

  std::unique_ptr<etcd::Client> client_;
  const std::string advertise_;
  const std::function<void()> changed_;
  bool away_ = false;  // etcd, at the last look; of the election's thread
  std::unique_ptr<etcd::Election> election_;
};

/// Whether nobody listens at "ADDRESS:PORT" on a host that lives: it refuses a connection. No
/// answer within 100 ms means nothing.
bool refuses_connections(const std::string& endpoint);

}  // namespace fairlead::central
