// SPDX-License-Identifier: BSD-3-Clause
// Appending lines.
#include "control/policy_log.hh"

#include <cerrno>

namespace fairlead::control {

PolicyLog::PolicyLog(std::FILE* file)
    : file_(file), log_([file](std::string_view line) {
        // One write a line: a reader never sees half of one, unless the disk is full.
        std::fwrite(line.data(), 1, line.size(), file);
        std::fflush(file);
      }) {}

base::Result<std::unique_ptr<PolicyLog>> PolicyLog::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return base::system_error("policy.log: write " + path, errno);
  return std::unique_ptr<PolicyLog>(new PolicyLog(file));
}

}  // namespace fairlead::control
