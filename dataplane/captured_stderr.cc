// SPDX-License-Identifier: BSD-3-Clause
// Standard error into a memfd and back.
#include "dataplane/captured_stderr.hh"

#include <array>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fairlead::dataplane {

CapturedStderr::CapturedStderr() {
  std::fflush(stderr);
  memory_ = sys::UniqueFd(::memfd_create("stderr", MFD_CLOEXEC));
  if (!memory_.valid()) return;
  saved_ = sys::UniqueFd(::dup(STDERR_FILENO));
  if (saved_.valid()) ::dup2(memory_.get(), STDERR_FILENO);
  std::fflush(stdout);
  const sys::UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (nowhere.valid()) saved_out_ = sys::UniqueFd(::dup(STDOUT_FILENO));
  if (saved_out_.valid()) ::dup2(nowhere.get(), STDOUT_FILENO);
}

std::string CapturedStderr::restore() {
  if (!saved_.valid()) return {};
  std::fflush(stderr);
  ::dup2(saved_.get(), STDERR_FILENO);
  saved_.reset();
  if (saved_out_.valid()) {
    std::fflush(stdout);
    ::dup2(saved_out_.get(), STDOUT_FILENO);
    saved_out_.reset();
  }
  std::string text;
  std::array<char, 4096> chunk;
  off_t position = 0;
  while (true) {
    const ssize_t got = ::pread(memory_.get(), chunk.data(), chunk.size(), position);
    if (got <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    position += got;
  }
  return text;
}

std::string telling_line(const std::string& log) {
  static constexpr std::array<std::string_view, 9> kWords = {
      "annot", "an't", "ailed", "nable", "nvalid", "rror", "FATAL", "not ", "No "};
  std::string best;
  std::string last;
  std::size_t begin = 0;
  while (begin < log.size()) {
    const std::size_t end = std::min(log.find('\n', begin), log.size());
    const std::string line = log.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    last = line;
    for (const std::string_view word : kWords) {
      if (best.empty() && line.find(word) != std::string::npos) best = line;
    }
  }
  return best.empty() ? last : best;
}

}  // namespace fairlead::dataplane
