// SPDX-License-Identifier: BSD-3-Clause
// One of several leads, by a key of etcd that lives as long as its owner's lease.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "control/etcd/client.hh"

namespace fairlead::etcd {

/// One thread. The term of a leader is the revision at which its key was made: a later leader's is
/// higher, always. Whoever acts on a leader's word remembers the highest term and refuses lower
/// ones; writes to etcd are guarded by guard(). So a leader that was stopped, cut off or slow, and
/// does not know that there is another, changes nothing.
///
/// A leader that hangs, or cannot reach etcd while others can, has a lease that nobody keeps alive:
/// followers ask for what is left of it, and take it away when it was not renewed for kSilent. Of
/// 2 s, the shortest that etcd grants by default, that is a second before etcd ends it.
///
/// With etcd away the leader goes on (nobody else can be elected meanwhile), a follower stays one.
class Election {
 public:
  struct Settings {
    std::string key = {};    // "/fairlead/monitor"
    std::string value = {};  // how the leader is reached; different for each candidate
    base::Nanoseconds ttl = 2 * base::kSecond;
    base::Nanoseconds poll = 200 * base::kMillisecond;   // by followers
    base::Nanoseconds renew = 250 * base::kMillisecond;  // by the leader
  };
  struct State {
    bool leads = false;
    std::int64_t term = 0;  // of the leader, as far as known; 0: there was none yet
    std::string leader;     // its value
    std::string trouble;    // why etcd cannot be asked; "": it can
  };
  struct Calls {
    /// Whether the leader with this value is certainly dead, for example because its host refuses
    /// connections. Said kSure times in a row, its lease is taken from it. Wrong answers cost a
    /// change of leaders and no more.
    std::function<bool(const std::string& value)> dead;
    std::function<void(const State&)> changed;  // on the election's thread
  };
  static constexpr unsigned kSure = 2;
  static constexpr base::Nanoseconds kSilent = base::kSecond;  // four renewals

  /// `client` outlives this.
  Election(Client& client, Settings settings, Calls calls);
  /// Gives the lead up.
  ~Election();
  Election(const Election&) = delete;
  Election& operator=(const Election&) = delete;

  [[nodiscard]] State state() const;
  /// For writes as the leader of `term`.
  [[nodiscard]] Guard guard(std::int64_t term) const {
    return {settings_.key, Guard::What::kCreateRevision, term};
  }

 private:
  void run();
  void follow();
  bool is_silent(std::int64_t lease);
  void campaign();
  void lead();
  void set(const State& next);
  void set_trouble(const std::string& what);
  bool pause(base::Nanoseconds ns);

  Client& client_;
  const Settings settings_;
  const Calls calls_;
  std::int64_t lease_ = 0;
  unsigned dead_ = 0;  // times in a row
  mutable std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;  // guarded by mutex_
  State state_;        // guarded by mutex_
  std::thread thread_;
};

}  // namespace fairlead::etcd
