// SPDX-License-Identifier: BSD-3-Clause
// Time stamps and the file.
#include "control/happenings.hh"

#include <utility>

#include <nlohmann/json.hpp>

#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::control {

bool EventFile::open() {
  if (file_ == nullptr) file_ = std::fopen(path_.c_str(), "ae");
  if (file_ == nullptr || std::ftell(file_) < kMost) return file_ != nullptr;
  (void)std::fclose(file_);
  (void)std::rename(path_.c_str(), (path_ + ".1").c_str());
  file_ = std::fopen(path_.c_str(), "ae");
  return file_ != nullptr;
}

void EventFile::write(const api::Event& event) {
  const std::string line =
      api::to_json(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const bool written = open() && std::fwrite(line.data(), 1, line.size(), file_) == line.size() &&
                       std::fflush(file_) == 0;
  if (!written && !failed_) sys::log_error("events are not written to " + path_);
  failed_ = !written;
}

void Happenings::tell(api::Event event) {
  event.at_us = static_cast<std::int64_t>(sys::wall_us());
  if (event.kind == "weight") return weights_.append(std::move(event));
  event.id = events_.newest() + 1;
  file_.write(event);
  events_.append(std::move(event));
}

}  // namespace fairlead::control
