// SPDX-License-Identifier: BSD-3-Clause
// Rounds, answers, which monitor is in use.
#include "control/exchange/mirror.hh"

#include <algorithm>

#include "control/exchange/worth.hh"

namespace fairlead::exchange {
namespace {

// Losing the core for a moment must not end the exchange; counts that are usually old are no longer
// used long before (worth.hh).
constexpr base::Nanoseconds kLeastStale = 50 * base::kMillisecond;
constexpr unsigned kStaleRounds = 10;

}  // namespace

Mirror::Mirror(const Key& key, const Settings& settings)
    : key_(key), settings_(settings), sequence_(settings.first_sequence) {
  peers_.resize(settings_.monitors);
}

void Mirror::set_list(std::vector<std::uint64_t> names) {
  names_ = std::move(names);
  digest_ = key_.digest(names_);
  for (Peer& peer : peers_) {
    peer.others.assign(names_.size(), 0);
    peer.heard.assign(parts(), 0);
    peer.nodes = 0;
  }
}

base::Nanoseconds Mirror::oldest(const Peer& peer) const {
  return peer.heard.empty() ? 0 : *std::min_element(peer.heard.begin(), peer.heard.end());
}

// The first that answers; where none does, the one that was heard last.
std::size_t Mirror::choose(base::Nanoseconds now) const {
  std::size_t best = 0;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const base::Nanoseconds heard = oldest(peers_[i]);
    if (heard != 0 && now < heard + kMissed * settings_.interval) return i;
    if (heard > oldest(peers_[best])) best = i;
  }
  return best;
}

const Mirror::Out& Mirror::begin_round(
    std::span<const std::uint32_t> counts, base::Nanoseconds now
) {
  ++sequence_;
  begun_[sequence_ % begun_.size()] = now;
  out_.parts.resize(parts());
  for (std::size_t p = 0; p < out_.parts.size(); ++p) {
    Datagram& d = out_.parts[p];
    const std::size_t first = p * kMostValues;
    const auto values = counts.subspan(first, std::min(kMostValues, names_.size() - first));
    d.kind = Kind::kCounts;
    d.node = settings_.node;
    d.list = digest_;
    d.sequence = sequence_;
    d.first = static_cast<std::uint16_t>(first);
    d.total = static_cast<std::uint16_t>(names_.size());
    d.values.assign(values.begin(), values.end());
  }
  const std::size_t in_use = choose(now);
  const bool silent =
      peers_.empty() || now >= oldest(peers_[in_use]) + kMissed * settings_.interval;
  const bool everybody = silent || rounds_ % kNowAndThen == 0;
  out_.wants.assign(peers_.size(), everybody);
  // Those before it too: a monitor that is back is noticed at once.
  for (std::size_t i = 0; i <= in_use && i < peers_.size(); ++i) out_.wants[i] = true;
  ++rounds_;
  return out_;
}

bool Mirror::take(std::size_t monitor, const Datagram& d, base::Nanoseconds now) {
  const std::uint64_t age = sequence_ - d.sequence;  // in rounds; wraps for those of the future
  if (monitor >= peers_.size() || d.node != settings_.node || d.list != digest_ ||
      d.total != names_.size() || age >= begun_.size()) {
    return false;
  }
  if (d.kind == Kind::kAsk) return true;
  if (d.kind != Kind::kSum || d.first % kMostValues != 0) return false;
  Peer& peer = peers_[monitor];
  const base::Nanoseconds begun = begun_[d.sequence % begun_.size()];
  base::Nanoseconds& heard = peer.heard[d.first / kMostValues];
  if (begun <= heard) return false;  // overtaken by a newer one
  // As old as the round it answers: what the others sent until then is in it.
  heard = begun;
  std::copy(d.values.begin(), d.values.end(), peer.others.begin() + d.first);
  peer.nodes = d.nodes;
  ++answers_;
  if (loops_.size() < kSamples) loops_.resize(loops_.size() + 1);
  loops_[loops_next_] = now - begun;
  usual_loop_ = (15 * usual_loop_ + (now - begun)) / 16;
  loops_next_ = (loops_next_ + 1) % kSamples;
  return false;
}

std::vector<Datagram> Mirror::name_parts() const {
  std::vector<Datagram> out;
  for (std::size_t first = 0; first < names_.size(); first += kMostNames) {
    Datagram d;
    d.kind = Kind::kNames;
    d.node = settings_.node;
    d.list = digest_;
    d.sequence = sequence_;
    d.first = static_cast<std::uint16_t>(first);
    d.total = static_cast<std::uint16_t>(names_.size());
    const std::size_t end = std::min(first + kMostNames, names_.size());
    for (std::size_t i = first; i < end; ++i) d.names.push_back(names_[i]);
    out.push_back(std::move(d));
  }
  return out;
}

base::Nanoseconds Mirror::stale_after() const {
  return std::max(kLeastStale, kStaleRounds * settings_.interval);
}

std::span<const std::uint32_t> Mirror::others(base::Nanoseconds now) const {
  if (peers_.empty()) return {};
  const Peer& peer = peers_[choose(now)];
  const base::Nanoseconds heard = oldest(peer);
  if (heard == 0 || now >= heard + stale_after()) return {};
  return peer.others;
}

unsigned Mirror::nodes(base::Nanoseconds now) const {
  return peers_.empty() ? 0 : peers_[choose(now)].nodes;
}

bool Mirror::worth_using(base::Nanoseconds now) const {
  return exchange::worth_using(settings_.interval + usual_loop_, nodes(now));
}

Mirror::State Mirror::state(base::Nanoseconds now) const {
  State s;
  s.rounds = rounds_;
  s.answers = answers_;
  if (peers_.empty()) return s;
  s.in_use = choose(now);
  const Peer& peer = peers_[s.in_use];
  const base::Nanoseconds heard = oldest(peer);
  s.age = heard == 0 ? 0 : now - heard;
  s.fresh = heard != 0 && s.age < stale_after();
  s.nodes = peer.nodes;
  s.worth_using = worth_using(now);
  if (loops_.empty()) return s;
  std::vector<base::Nanoseconds> sorted = loops_;
  std::sort(sorted.begin(), sorted.end());
  s.loop_p50 = sorted[sorted.size() / 2];
  s.loop_p99 = sorted[sorted.size() * 99 / 100];
  return s;
}

}  // namespace fairlead::exchange
