// SPDX-License-Identifier: BSD-3-Clause
// Reads /proc and cgroup files, and fetches the service's report with libcurl.
#include "ebpf/agent_measure.hh"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>

#include <unistd.h>

#include <curl/curl.h>

#include "dataplane/sys/system_clock.hh"
#include "ebpf/agent_sockets.hh"

namespace fairlead::agent {
namespace {

constexpr std::size_t kMostAnswerBytes = 64 * 1024;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::size_t collect(const char* data, std::size_t size, std::size_t count, void* to) {
  auto* const body = static_cast<std::string*>(to);
  if (body->size() + size * count > kMostAnswerBytes) return 0;
  body->append(data, size * count);
  return size * count;
}

base::Result<Load> fetch(CURL* curl) {
  std::string body;
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  if (const CURLcode r = curl_easy_perform(curl); r != CURLE_OK) {
    return base::fail(base::ErrorCode::kUnavailable, curl_easy_strerror(r));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return base::fail(base::ErrorCode::kUnavailable, "HTTP status " + std::to_string(status));
  }
  return parse_load_json(body);
}

}  // namespace

std::optional<double> KernelLoad::host_cpu() {
  const auto now = parse_proc_stat(read_file("/proc/stat"));
  if (!now) return std::nullopt;
  if (!ticks_) {
    ticks_ = now;
    return std::nullopt;
  }
  const auto share = cpu_share(*ticks_, *now);
  if (share) ticks_ = now;
  return share;
}

std::optional<double> KernelLoad::cgroup_cpu(base::Nanoseconds now) {
  const auto usage = parse_cgroup_usage(read_file(cgroup_ + "/cpu.stat"));
  if (!usage) return std::nullopt;
  std::optional<double> share;
  if (usage_us_ && *usage >= *usage_us_ && now > usage_at_) {
    const double cores = parse_cgroup_cores(read_file(cgroup_ + "/cpu.max"))
                             .value_or(static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)));
    share = static_cast<double>(*usage - *usage_us_) * 1e3 /
            (static_cast<double>(now - usage_at_) * cores);
  }
  usage_us_ = usage;
  usage_at_ = now;
  return share;
}

Load KernelLoad::sample(base::Nanoseconds now) {
  Load load;
  load.cpu_utilization = cgroup_.empty() ? host_cpu() : cgroup_cpu(now);
  load.mem_utilization = parse_meminfo(read_file("/proc/meminfo"));
  const base::Nanoseconds period = sampled_at_ == 0 ? 0 : now - sampled_at_;
  sampled_at_ = now;
  if (const auto sockets = look_at_sockets(vips_, period)) {
    load.active_connections = sockets->established;
    if (sockets->mean_latency_us > 0) load.mean_latency_us = sockets->mean_latency_us;
  }
  return load;
}

UrlLoad::UrlLoad(std::string url, base::Nanoseconds interval)
    : url_(std::move(url)), interval_(interval), thread_([this] { run(); }) {}

UrlLoad::~UrlLoad() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void UrlLoad::run() {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(
      curl_easy_init(), &curl_easy_cleanup
  );
  const long timeout_ms = std::clamp(static_cast<long>(interval_ / base::kMillisecond), 50L, 1000L);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url_.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &collect);
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    const auto answer = fetch(curl.get());
    const base::Nanoseconds now = sys::monotonic_ns();
    lock.lock();
    if (answer) {
      state_.load = *answer;
      state_.trouble.end();
      ++state_.answers;
      answered_at_ = now;
    } else {
      state_.trouble.begin(answer.error().what, now);
      ++state_.failures;
    }
    stopped_.wait_for(lock, std::chrono::nanoseconds(interval_), [this] { return stop_; });
  }
}

UrlLoad::State UrlLoad::state(base::Nanoseconds now) const {
  const std::lock_guard lock(mutex_);
  State state = state_;
  const base::Nanoseconds most = std::max(3 * interval_, base::kSecond);
  if (answered_at_ == 0 || now > answered_at_ + most) state.load = Load{};
  return state;
}

}  // namespace fairlead::agent
