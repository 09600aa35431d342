// SPDX-License-Identifier: BSD-3-Clause
// Prometheus by libcurl, agent-checks by a socket.
#include <cerrno>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

#include "control/monitor/asker.hh"
#include "control/monitor/load_text.hh"

namespace fairlead::monitor {
namespace {

constexpr std::size_t kMostPage = 4U << 20;
constexpr std::size_t kMostLine = 1024;

class Scraper final : public Asker {
 public:
  Scraper(Sink& sink, const SourceTarget& target, CURLM* transfers)
      : reporter_(sink, target.backend, Origin::kPrometheus),
        names_(target.source.names),
        transfers_(transfers),
        easy_(curl_easy_init()) {
    const std::string host = target.address.to_string();
    const std::string url = "http://" + (target.address.is_v4() ? host : "[" + host + "]") + ":" +
                            std::to_string(target.source.port) + target.source.path;
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_PRIVATE, static_cast<Asker*>(this));
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy_, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(target.source.interval_ms));
  }
  ~Scraper() override {
    stop();
    curl_easy_cleanup(easy_);
  }
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  void ask(base::Nanoseconds now) override {
    if (running_) give_up();
    stop();
    page_.clear();
    asked_ = now;
    running_ = curl_multi_add_handle(transfers_, easy_) == CURLM_OK;
  }

  void on_transfer(CURLcode result) override {
    stop();
    if (result != CURLE_OK) return give_up();
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || page_.empty()) return;  // its age tells
    const auto scrape = read_scrape(page_, names_);
    if (!scrape) {
      reporter_.malformed();
      return;
    }
    if (before_) reporter_.report(between(*before_, *scrape, asked_ - before_at_));
    before_ = *scrape;
    before_at_ = asked_;
  }

 private:
  static std::size_t take(char* bytes, std::size_t, std::size_t size, void* user) {
    std::string& page = static_cast<Scraper*>(user)->page_;
    if (page.size() + size > kMostPage) return 0;  // ends the transfer
    page.append(bytes, size);
    return size;
  }
  /// Half a page reads as counters that are 0. One of which nothing came is told by its age.
  void give_up() {
    if (!page_.empty()) reporter_.malformed();
  }
  void stop() {
    if (running_) curl_multi_remove_handle(transfers_, easy_);
    running_ = false;
  }

  Reporter reporter_;
  model::ScrapeNames names_;
  CURLM* transfers_;
  CURL* easy_;
  bool running_ = false;
  std::string page_;
  base::Nanoseconds asked_ = 0;
  std::optional<Scrape> before_;
  base::Nanoseconds before_at_ = 0;
};

class AgentChecker final : public Asker {
 public:
  AgentChecker(Sink& sink, const SourceTarget& target)
      : reporter_(sink, target.backend, Origin::kAgentCheck), target_(target) {}

  void ask(base::Nanoseconds) override {
    line_.clear();
    const bool v4 = target_.address.is_v4();
    fd_ = sys::UniqueFd(
        ::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    );
    if (!fd_.valid()) return;
    sockaddr_storage to{};
    socklen_t size = sizeof(sockaddr_in);
    if (v4) {
      auto& at = reinterpret_cast<sockaddr_in&>(to);
      at.sin_family = AF_INET;
      at.sin_port = htons(target_.source.port);
      std::copy_n(target_.address.bytes.begin(), 4, reinterpret_cast<std::uint8_t*>(&at.sin_addr));
    } else {
      auto& at = reinterpret_cast<sockaddr_in6&>(to);
      size = sizeof at;
      at.sin6_family = AF_INET6;
      at.sin6_port = htons(target_.source.port);
      std::copy_n(
          target_.address.bytes.begin(), 16, reinterpret_cast<std::uint8_t*>(&at.sin6_addr)
      );
    }
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), size) != 0 && errno != EINPROGRESS)
      fd_.reset();
  }

  [[nodiscard]] pollfd watched() const override { return {fd_.get(), POLLIN, 0}; }

  void on_event(base::Nanoseconds) override {
    char bytes[kMostLine];
    const auto got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) line_.append(bytes, static_cast<std::size_t>(got));
    const bool whole = line_.find('\n') != std::string::npos || line_.size() >= kMostLine;
    if (got > 0 && !whole) return;
    fd_.reset();
    if (line_.empty()) return;
    tell();
  }

 private:
  void tell() {
    const auto said = parse_agent_check(line_);
    if (!said) {
      reporter_.malformed();
      return;
    }
    if (said->serving) reporter_.serving(*said->serving);
    if (!said->share && !said->capacity) return;
    LoadReport report;
    // What is left of its weight is what is idle.
    report.application = said->share ? std::max(0.0, 1 - *said->share) : 0;
    report.capacity = said->capacity.value_or(0);
    report.period_us = target_.source.interval_ms * 1000ULL;
    report.untold = kCpuUntold | kMemoryUntold | kActiveUntold;
    reporter_.report(report);
  }

  Reporter reporter_;
  SourceTarget target_;
  sys::UniqueFd fd_;
  std::string line_;
};

}  // namespace

std::unique_ptr<Asker> make_scraper(Sink& sink, const SourceTarget& target, CURLM* transfers) {
  return std::make_unique<Scraper>(sink, target, transfers);
}

std::unique_ptr<Asker> make_agent_checker(Sink& sink, const SourceTarget& target) {
  return std::make_unique<AgentChecker>(sink, target);
}

}  // namespace fairlead::monitor
