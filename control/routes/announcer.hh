// SPDX-License-Identifier: BSD-3-Clause
// Tells routers, by BIRD or a program, whether this node takes traffic.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/clock.hh"

namespace fairlead::routes {

/// One thread, because BIRD and programs may hang. A routing daemon that was started anew begins
/// with what its file says, so BIRD is told again every second, and a program is called at changes
/// and again every `hook_every`; every 5 s while it fails.
class Announcer {
 public:
  struct Settings {
    std::string bird;      // socket; "": none
    std::string protocol;  // pattern
    std::string hook;      // program; called as HOOK announce|withdraw NODE REASON
    std::string node;
    base::Nanoseconds hook_every = 10 * base::kSecond;
  };
  /// `told`: state() is another; from the thread.
  Announcer(Settings settings, std::function<void()> told);
  ~Announcer();
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;

  void announce() { want(true, ""); }
  void withdraw(const std::string& reason) { want(false, reason); }

  struct State {
    bool known = false;      // it was told, one or the other
    bool announced = false;  // what was told last
    std::string error;       // of the last attempt
  };
  [[nodiscard]] State state() const;

 private:
  void want(bool announce, const std::string& reason);
  void run();
  std::string tell(bool announce, const std::string& reason, bool changed);
  std::string call_hook(bool announce, const std::string& reason, bool changed);

  const Settings settings_;
  const std::function<void()> told_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  bool stop_ = false;  // guarded by mutex_, and all up to the thread
  bool wanted_ = false;
  bool want_ = false;
  std::uint64_t turn_ = 0;
  std::string reason_;
  State state_;
  base::Nanoseconds hook_at_ = 0;  // the thread's own, as the next one
  std::string hook_error_;
  std::thread thread_;
};

/// Runs a program with arguments, at most `timeout`; "": it ended with status 0, else why not.
std::string run_program(
    const std::string& program, const std::vector<std::string>& arguments, base::Nanoseconds timeout
);

}  // namespace fairlead::routes
