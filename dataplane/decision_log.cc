// SPDX-License-Identifier: BSD-3-Clause
// Formats decisions and appends them to a file.
#include "dataplane/decision_log.hh"

#include <cerrno>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {
namespace {

std::uint64_t realtime_ns() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * base::kSecond +
         static_cast<std::uint64_t>(t.tv_nsec);
}

void append_endpoint(std::string& out, const net::IpAddr& address, std::uint16_t port) {
  const bool v6 = !address.is_v4();
  if (v6) out += '[';
  out += address.to_string();
  if (v6) out += ']';
  out += ':';
  out += std::to_string(port);
}

}  // namespace

std::string protocol_name(std::uint8_t protocol) {
  if (protocol == static_cast<std::uint8_t>(net::IpProto::kTcp)) return "tcp";
  if (protocol == static_cast<std::uint8_t>(net::IpProto::kUdp)) return "udp";
  return std::to_string(protocol);
}

std::string flow_text(const net::FiveTuple& tuple) {
  std::string out = protocol_name(tuple.protocol);
  out += ':';
  append_endpoint(out, tuple.source_address(), tuple.source_port());
  out += '>';
  append_endpoint(out, tuple.destination_address(), tuple.destination_port());
  return out;
}

std::string decision_row(
    const path::Decision& d,
    std::uint64_t time_us,
    const steer::Names& names,
    const std::string& node
) {
  std::string row = std::to_string(time_us);
  row += ',' + protocol_name(d.tuple.protocol);
  row += ',' + d.tuple.source_address().to_string();
  row += ',' + std::to_string(d.tuple.source_port());
  row += ',' + d.tuple.destination_address().to_string();
  row += ',' + std::to_string(d.tuple.destination_port()) + ',';
  row += names.vip(d.vip);
  row += ',' + node + ',';
  row += names.backend(d.backend);
  row += '\n';
  return row;
}

base::Result<std::FILE*> DecisionLog::open_file(const std::string& path) {
  // NONBLOCK: a pipe without a reader must not hold the start.
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  sys::UniqueFd fd(::open(path.c_str(), flags, 0666));
  if (!fd.valid()) {
    const auto error =
        base::system_error("decision_log.file: " + path + ": cannot be written", errno);
    return base::invalid(error.value().what + "; name another file or off");
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return base::invalid(
        "decision_log.file: " + path + " is not a regular file; name another one or off"
    );
  }
  std::FILE* file = ::fdopen(fd.release(), "ab");
  if (file == nullptr) return base::system_error("decision_log.file: write " + path, errno);
  if (info.st_size == 0) {
    std::fputs(kDecisionHeader, file);
    std::fflush(file);
  }
  return file;
}

base::Result<DecisionLog> DecisionLog::open(const std::string& path, const std::string& node) {
  FL_ASSIGN(std::FILE * file, open_file(path));
  return DecisionLog(path, node, file);
}

DecisionLog::DecisionLog(DecisionLog&& other) noexcept
    : path_(std::move(other.path_)),
      node_(std::move(other.node_)),
      file_(std::exchange(other.file_, nullptr)),
      unflushed_(other.unflushed_),
      failed_(other.failed_) {}

DecisionLog::~DecisionLog() {
  if (file_ != nullptr) std::fclose(file_);
}

std::uint64_t DecisionLog::drain(path::DecisionSink& sink, const steer::Names& names) {
  // Decisions carry the monotonic time; the file the time of day, at this moment's offset.
  const std::uint64_t offset = realtime_ns() - sys::monotonic_ns();
  std::uint64_t rows = 0;
  path::Decision decision;
  while (sink.try_pop(decision)) {
    const std::string row = decision_row(decision, (decision.now + offset) / 1000, names, node_);
    if (std::fwrite(row.data(), 1, row.size(), file_) != row.size()) ++failed_;
    ++rows;
  }
  unflushed_ += rows;
  return rows;
}

void DecisionLog::flush() {
  if (unflushed_ == 0) return;
  if (std::fflush(file_) != 0) failed_ += unflushed_;
  unflushed_ = 0;
  struct stat named {};
  struct stat opened {};
  const bool there = ::stat(path_.c_str(), &named) == 0;
  if (there && ::fstat(::fileno(file_), &opened) == 0 && named.st_ino == opened.st_ino) return;
  if (auto file = open_file(path_)) {
    std::fclose(file_);
    file_ = *file;
  }
}

}  // namespace fairlead::dataplane
