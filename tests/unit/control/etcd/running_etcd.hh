// SPDX-License-Identifier: BSD-3-Clause
// Real etcd members on the loopback, in a folder of their own; for live tests.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "control/etcd/client.hh"

namespace fairlead::etcd {

class RunningEtcd {
 public:
  /// `tls`: members ask clients for certificates; files in folder().
  explicit RunningEtcd(std::size_t members, bool tls = false);
  ~RunningEtcd();  // kills, removes the folder
  RunningEtcd(const RunningEtcd&) = delete;
  RunningEtcd& operator=(const RunningEtcd&) = delete;

  /// There is an etcd to run, or the test is to be skipped.
  static bool installed();

  void start(std::size_t member);
  void start_all();
  void kill(std::size_t member);  // SIGKILL, and waits
  void kill_all();

  [[nodiscard]] Settings settings() const;  // all members, without user
  [[nodiscard]] std::vector<std::string> endpoints() const;
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// Runs etcdctl as root of the cluster; its exit status.
  int ctl(const std::vector<std::string>& arguments) const;

  /// Polls until `condition` holds, at most 20 s.
  static bool eventually(const std::function<bool()>& condition);

 private:
  struct Member {
    std::string name;
    int client_port = 0;
    int peer_port = 0;
    pid_t pid = -1;
  };
  [[nodiscard]] std::string scheme() const { return tls_ ? "https" : "http"; }
  void make_certificates() const;

  std::string folder_;
  bool tls_;
  std::vector<Member> members_;
};

}  // namespace fairlead::etcd
