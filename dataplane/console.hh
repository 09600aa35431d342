// SPDX-License-Identifier: BSD-3-Clause
// The command socket of this process: one JSON object a line, asked and answered in order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {

/// `{"command":"show port","arguments":{}}` -> `{"ok":true,"result":{...}}` or
/// `{"ok":false,"code":"not_found","message":"one line"}` (docs/control-socket.md). Only root and
/// the user we run as may connect (SO_PEERCRED). Main thread only; never blocks.
class Console {
 public:
  using Answer = std::function<
      base::Result<nlohmann::json>(const std::string& command, const nlohmann::json& arguments)>;

  /// Binds `path`. A socket left by a dead process is replaced; a living one is an error.
  static base::Result<Console> listen(const std::string& path, Answer answer);
  Console(Console&&) = default;
  Console& operator=(Console&&) = delete;
  ~Console();

  /// Waits up to `timeout_ms` for a command or for `also` (a descriptor) to become readable, serves
  /// what came, and returns true if `also` is readable.
  bool wait(int timeout_ms, int also);

 private:
  struct Client {
    sys::UniqueFd fd;
    std::string in;
    std::string out;
    bool skipping;  // the rest of a line that was too long
  };
  Console(std::string path, sys::UniqueFd fd, Answer answer)
      : path_(std::move(path)), listener_(std::move(fd)), answer_(std::move(answer)) {}
  void accept_client();
  bool serve(Client& client, short events);
  void take_lines(Client& client);
  std::string answer_line(const std::string& line);

  std::string path_;
  sys::UniqueFd listener_;
  Answer answer_;
  std::vector<Client> clients_;
};

}  // namespace fairlead::dataplane
