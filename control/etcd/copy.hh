// SPDX-License-Identifier: BSD-3-Clause
// A copy of all keys under a prefix that follows etcd, whatever happens to connection and history.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control/etcd/client.hh"

namespace fairlead::etcd {

/// One thread: list, then watch from there on. A watch that ends (member gone, history compacted)
/// is replaced by a new list, so no change is missed, though several may come as one. While etcd is
/// away the last copy stays.
class Copy {
 public:
  using Values = std::map<std::string, KeyValue>;
  struct Calls {
    /// The whole copy after each change. On the copy's thread.
    std::function<void(const Values&, std::int64_t revision)> changed;
  };
  /// `client` outlives this.
  Copy(Client& client, std::string prefix, Calls calls);
  ~Copy();
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  struct State {
    bool following = false;
    std::int64_t revision = 0;  // of the copy; 0: nothing was read yet
    std::uint64_t lists = 0;
    std::string trouble;  // why it does not follow
  };
  [[nodiscard]] State state() const;

 private:
  void run();
  base::Result<bool> follow();
  void apply(const Client::Watch::Batch& batch);
  bool stopped() const;

  Client& client_;
  const std::string prefix_;
  const Calls calls_;
  Values values_;
  mutable std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;  // guarded by mutex_, and the next two
  State state_;
  Client::Watch* watch_ = nullptr;  // that may block
  std::thread thread_;
};

}  // namespace fairlead::etcd
