// SPDX-License-Identifier: BSD-3-Clause
// The monitor's side of the exchange of counts: one UDP socket, one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "control/exchange/sum.hh"
#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"
#include "dataplane/sys/urgent.hh"

namespace fairlead::exchange {

class Server {
 public:
  /// Listens on "ADDRESS:PORT". Errors: kUnavailable when it is taken or not ours.
  static base::Result<std::unique_ptr<Server>> start(const std::string& listen, const Key& key);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  struct Figures {
    std::size_t nodes = 0;
    std::uint64_t received = 0;
    std::uint64_t answered = 0;
    std::uint64_t malformed = 0;  // no datagrams of ours, or without the fleet's key
    std::uint64_t old = 0;
    std::uint64_t refused = 0;
  };
  // Any thread.
  [[nodiscard]] Figures figures() const;
  /// In flight at a backend through all nodes.
  [[nodiscard]] std::uint64_t total(std::string_view backend) const;

 private:
  Server(sys::UniqueFd fd, const Key& key);
  struct Batch;
  void run();
  std::size_t serve(Batch& batch);  // datagrams taken in

  sys::UniqueFd fd_;
  Key key_;
  mutable sys::UrgentMutex mutex_;
  Sum sum_;  // guarded by mutex_, as are the figures
  Figures figures_;
  base::Nanoseconds expire_at_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;  // the last member
};

}  // namespace fairlead::exchange
