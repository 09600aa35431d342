// SPDX-License-Identifier: BSD-3-Clause
// Rounds by the clock; answers as they come.
#include "control/exchange/client.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <span>

#include <poll.h>
#include <sys/socket.h>

#include "control/exchange/worth.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::exchange {
namespace {

std::span<const fl_worker_page> pages(const fl_workers& workers) {
  const std::uint32_t count = __atomic_load_n(&workers.worker_count, __ATOMIC_RELAXED);
  return {workers.worker, std::min(count, FL_MAX_WORKERS)};
}

}  // namespace

base::Result<std::unique_ptr<Client>> Client::start(
    const Settings& settings, const fl_workers& workers, fl_scores& scores
) {
  for (const std::string& monitor : settings.monitors) {
    if (!Endpoint::parse(monitor))
      return base::invalid("monitoring.monitors: " + monitor + " is not ADDRESS:PORT");
  }
  return std::unique_ptr<Client>(new Client(settings, workers, scores));
}

Client::Client(const Settings& settings, const fl_workers& workers, fl_scores& scores)
    : key_(settings.fleet_key),
      interval_(settings.interval),
      workers_(workers),
      scores_(scores),
      mirror_(
          key_,
          {.node = key_.identity(settings.node),
           .first_sequence = sys::wall_us(),
           .monitors = settings.monitors.size(),
           .interval = settings.interval}
      ) {
  for (const std::string& monitor : settings.monitors)
    peers_.push_back({.at = *Endpoint::parse(monitor), .fd = {}, .try_again = 0});
  thread_ = std::thread([this] { run(); });
}

Client::~Client() {
  stop_ = true;
  thread_.join();
}

void Client::set_backends(std::vector<Place> places) {
  const auto same_ids = [](const Place& a, const Place& b) { return a.backend == b.backend; };
  const std::lock_guard lock(mutex_);
  const bool same =
      std::equal(places.begin(), places.end(), places_.begin(), places_.end(), same_ids);
  places_ = std::move(places);
  own_.clear();  // counted by other numbers
  if (same) return;
  std::vector<std::uint64_t> names;
  for (const Place& place : places_) names.push_back(key_.identity(place.backend));
  mirror_.set_list(std::move(names));
}

void Client::run() {
  sys::become_urgent();
  base::Nanoseconds next = sys::monotonic_ns();
  while (!stop_.load(std::memory_order_relaxed)) {
    const base::Nanoseconds now = sys::monotonic_ns();
    if (now >= next) {
      round(now);
      next = std::max(next + interval_, now);  // after a pause: no bunch of late rounds
    }
    wait(next);
  }
}

void Client::round(base::Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  look();
  const Mirror::Out& out = mirror_.begin_round(counts_, now);
  for (std::size_t p = 0; p < peers_.size(); ++p) {
    for (Datagram part : out.parts) {
      part.wants_answer = out.wants[p];
      send(peers_[p], part);
    }
  }
  write_external(now);
}

// Once a round: the workers write these lines, and each look takes them out of their caches.
void Client::look() {
  const auto all = pages(workers_);
  counts_.assign(places_.size(), 0);
  own_.resize(all.size());
  for (std::size_t w = 0; w < all.size(); ++w) {
    own_[w].resize(places_.size());
    for (std::size_t i = 0; i < places_.size(); ++i) {
      own_[w][i] = __atomic_load_n(&all[w].backends[places_[i].number].in_flight, __ATOMIC_RELAXED);
      counts_[i] += own_[w][i];
    }
  }
}

// A socket is connected, so that only the monitor's datagrams come in by it. Where there is no
// route yet, it is tried again once a second.
void Client::send(Peer& peer, const Datagram& datagram) {
  if (!peer.fd.valid()) {
    const base::Nanoseconds now = sys::monotonic_ns();
    if (now < peer.try_again) return;
    peer.try_again = now + base::kSecond;
    sys::UniqueFd fd(
        ::socket(peer.at.address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    );
    if (!fd.valid() || ::connect(fd.get(), peer.at.get(), peer.at.size) != 0) return;
    peer.fd = std::move(fd);
  }
  encode(datagram, key_, bytes_out_);
  // A datagram that is lost, refused or does not fit is replaced by the next round's.
  (void)::send(peer.fd.get(), bytes_out_.data(), bytes_out_.size(), MSG_NOSIGNAL);
}

void Client::wait(base::Nanoseconds until) {
  for (;;) {
    const base::Nanoseconds now = sys::monotonic_ns();
    if (now >= until) return;
    std::array<pollfd, 8> fds{};
    const std::size_t count = std::min(peers_.size(), fds.size());
    for (std::size_t i = 0; i < count; ++i) fds[i] = {peers_[i].fd.get(), POLLIN, 0};
    const base::Nanoseconds left = until - now;
    const timespec timeout{
        static_cast<time_t>(left / base::kSecond), static_cast<long>(left % base::kSecond)};
    if (::ppoll(fds.data(), count, &timeout, nullptr) <= 0) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (fds[i].revents != 0) receive(i);
    }
    const std::lock_guard lock(mutex_);
    write_external(sys::monotonic_ns());
  }
}

void Client::receive(std::size_t peer) {
  std::array<std::byte, kMostBytes + 1> bytes{};
  for (;;) {
    const auto got = ::recv(peers_[peer].fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno == ECONNREFUSED || errno == EINTR) continue;  // nobody listens there, for now
      return;
    }
    bytes_ += static_cast<std::uint64_t>(got);
    const auto answer =
        decode({bytes.data(), static_cast<std::size_t>(got)}, key_, /*to_monitor=*/false);
    if (!answer) continue;
    const std::lock_guard lock(mutex_);
    if (!mirror_.take(peer, *answer, sys::monotonic_ns())) continue;
    for (const Datagram& names : mirror_.name_parts()) send(peers_[peer], names);
  }
}

void Client::write_external(base::Nanoseconds now) {
  const auto others = mirror_.others(now);
  fresh_.store(!others.empty(), std::memory_order_relaxed);
  const bool use = !others.empty() && mirror_.worth_using(now);
  many_.store(use && parallel_is_used(mirror_.nodes(now)), std::memory_order_relaxed);
  for (std::size_t w = 0; w < own_.size(); ++w) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const std::uint64_t elsewhere = use ? others[i] : 0;
      const auto value = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(elsewhere + counts_[i] - own_[w][i], UINT32_MAX)
      );
      std::uint32_t& external = scores_.score[w][places_[i].number].external;
      // A line that does not change stays in the workers' caches.
      if (__atomic_load_n(&external, __ATOMIC_RELAXED) != value)
        __atomic_store_n(&external, value, __ATOMIC_RELAXED);
    }
  }
}

std::uint32_t Client::elsewhere(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  const auto others = mirror_.others(sys::monotonic_ns());
  for (std::size_t i = 0; i < places_.size() && i < others.size(); ++i)
    if (places_[i].number == number) return others[i];
  return 0;
}

Mirror::State Client::state() const {
  const std::lock_guard lock(mutex_);
  return mirror_.state(sys::monotonic_ns());
}

}  // namespace fairlead::exchange
