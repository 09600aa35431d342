// SPDX-License-Identifier: BSD-3-Clause
// The loop: due times, transfers of libcurl, sockets of agent-checks.
#include "control/monitor/sources.hh"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "control/monitor/asker.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::monitor {

void Reporter::report(LoadReport report) {
  report.backend_id = backend_;
  report.origin = origin_;
  report.sequence = ++sequence_;
  report.timestamp_us = sys::wall_us();
  (void)take_told(sink_, report);
}

void Reporter::serving(bool serving) {
  if (std::exchange(serving_, serving) == serving) return;
  if (serving) {
    sink_.on_return(backend_);
  } else {
    (void)sink_.on_leave(backend_, "its agent-check says so");
  }
}

class Sources::Loop {
 public:
  explicit Loop(Sources& owner) : owner_(owner), transfers_(curl_multi_init()) {}
  ~Loop() {
    places_.clear();
    curl_multi_cleanup(transfers_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run() {
    while (!owner_.stopping_) turn();
  }

 private:
  struct Place {
    SourceTarget target;
    std::unique_ptr<Asker> asker;
    base::Nanoseconds due = 0;
  };

  void turn() {
    take_targets();
    const base::Nanoseconds now = sys::monotonic_ns();
    base::Nanoseconds next = now + base::kSecond;
    std::vector<curl_waitfd> waits = {{owner_.wake_.get(), CURL_WAIT_POLLIN, 0}};
    std::vector<Asker*> waiting = {nullptr};
    for (auto& [backend, place] : places_) {
      if (now >= place.due) {
        place.asker->ask(now);
        place.due = std::max(place.due + place.target.source.interval_ms * base::kMillisecond, now);
      }
      next = std::min(next, place.due);
      const pollfd watched = place.asker->watched();
      if (watched.fd < 0) continue;
      waits.push_back({watched.fd, watched.events, 0});
      waiting.push_back(place.asker.get());
    }
    const auto wait_ms = static_cast<int>((next - now) / base::kMillisecond + 1);
    (void)curl_multi_poll(
        transfers_, waits.data(), static_cast<unsigned>(waits.size()), wait_ms, nullptr
    );
    int running = 0;
    (void)curl_multi_perform(transfers_, &running);
    finish_transfers();
    const base::Nanoseconds then = sys::monotonic_ns();
    for (std::size_t i = 1; i < waits.size(); ++i) {
      if (waits[i].revents != 0) waiting[i]->on_event(then);
    }
    if (waits[0].revents != 0) {
      std::uint64_t count = 0;
      (void)!::read(owner_.wake_.get(), &count, sizeof count);
    }
  }

  void finish_transfers() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(transfers_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Asker* asker = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &asker);
      asker->on_transfer(message->data.result);
    }
  }

  void take_targets() {
    std::vector<SourceTarget> targets;
    {
      const std::lock_guard lock(owner_.mutex_);
      if (!owner_.changed_) return;
      owner_.changed_ = false;
      targets = owner_.targets_;
    }
    std::map<std::string, Place> next;
    const base::Nanoseconds now = sys::monotonic_ns();
    std::size_t number = 0;
    for (SourceTarget& target : targets) {
      const auto old = places_.find(target.backend);
      if (old != places_.end() && old->second.target == target) {
        next.emplace(target.backend, std::move(old->second));
        continue;
      }
      // New ones spread over their interval: 0.618 of it after each other.
      const double part = std::fmod(0.618034 * static_cast<double>(++number), 1.0);
      const auto wait = static_cast<base::Nanoseconds>(
          part * static_cast<double>(target.source.interval_ms * base::kMillisecond)
      );
      std::unique_ptr<Asker> asker = make(target);
      next.emplace(target.backend, Place{target, std::move(asker), now + wait});
    }
    places_ = std::move(next);
  }

  std::unique_ptr<Asker> make(const SourceTarget& target) {
    switch (target.source.kind) {
      case model::LoadSourceKind::kPrometheus:
        return make_scraper(owner_.sink_, target, transfers_);
      case model::LoadSourceKind::kAgentCheck:
        return make_agent_checker(owner_.sink_, target);
      default:
        return make_orca_client(owner_.sink_, target);
    }
  }

  Sources& owner_;
  CURLM* transfers_;
  std::map<std::string, Place> places_;
};

Sources::Sources(Sink& sink) : sink_(sink), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Sources::~Sources() {
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void Sources::set_targets(std::vector<SourceTarget> targets) {
  const std::lock_guard lock(mutex_);
  if (targets == targets_) return;
  targets_ = std::move(targets);
  changed_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(*this).run(); });
}

}  // namespace fairlead::monitor
