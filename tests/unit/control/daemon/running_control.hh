// SPDX-License-Identifier: BSD-3-Clause
// A real fairlead-control in a folder of its own, with listeners as backends; for live tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <sys/types.h>

#include <nlohmann/json.hpp>

namespace fairlead::control {

using Json = nlohmann::json;

/// A port of 127.0.0.1 that nobody listens on by TCP.
int free_port();
/// The answer to GET /metrics on a port of 127.0.0.1; "": none.
std::string metrics_at(int port);

/// A TCP listener on 127.0.0.N: healthy while it exists.
class Backend {
 public:
  /// Port 0: any free one.
  explicit Backend(int last_byte, int port = 0);
  ~Backend() { stop(); }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  void stop();
  [[nodiscard]] std::string address() const { return "127.0.0." + std::to_string(last_byte_); }
  [[nodiscard]] int port() const { return port_; }

 private:
  int last_byte_;
  int fd_ = -1;
  int port_ = 0;
};

class RunningControl {
 public:
  RunningControl();   // makes the folder; nothing runs yet
  ~RunningControl();  // kills, removes the folder

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string config_path() const { return folder_ + "/c.yaml"; }
  /// A configuration whose vip "web" has these backends ("b1" ...), and anything more.
  /// `health` goes into its health section, with a comma in front.
  void write_config(
      const std::vector<const Backend*>& backends,
      const std::string& more = "",
      const std::string& health = ""
  ) const;
  void write_file(const std::string& text) const;
  [[nodiscard]] std::string config_text() const;  // what was written last

  /// From the next write_config() on /metrics is served on this port of 127.0.0.1.
  void serve_metrics();
  [[nodiscard]] std::string metrics_listen() const;  // "off" without it
  [[nodiscard]] std::string metrics() const;         // the answer to GET /metrics
  /// From the next start() on every fsync of the daemon takes so long.
  void slow_disk(int sync_ms) { sync_ms_ = sync_ms; }
  void start();
  /// Runs to its end; exit status and what it wrote to stderr.
  std::pair<int, std::string> run_to_end();
  void signal(int number) const;
  void kill_now();  // SIGKILL, and waits
  int terminate();  // SIGTERM; exit status

  /// One exchange over the control socket; the whole reply. An unanswered one is a failed test.
  Json ask(const std::string& line) const;
  Json result(const std::string& command, const Json& arguments = Json::object()) const;
  Json backend(const std::string& id) const;  // its row of `show backend`
  /// Polls every 10 ms until `condition` holds, at most 10 s.
  static bool eventually(const std::function<bool()>& condition, int times = 1000);
  [[nodiscard]] int grpc_port() const { return grpc_port_; }
  [[nodiscard]] std::string log() const;

 private:
  pid_t spawn(const std::string& stderr_file) const;
  std::string folder_;
  int grpc_port_ = 0;
  int metrics_port_ = 0;  // 0: off
  int sync_ms_ = 0;       // 0: the disk as it is
  pid_t pid_ = -1;
};

}  // namespace fairlead::control
