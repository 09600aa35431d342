// SPDX-License-Identifier: BSD-3-Clause
// Adding up: each datagram changes the totals by what is new in it.
#include "control/exchange/sum.hh"

#include <algorithm>

namespace fairlead::exchange {
namespace {

constexpr base::Nanoseconds kListUnused = 60 * base::kSecond;
constexpr base::Nanoseconds kNamesTake = 5 * base::kSecond;
constexpr std::size_t kMostUnfinished = 64;

}  // namespace

const Datagram* Sum::take(const Datagram& d, base::Nanoseconds now) {
  if (d.kind == Kind::kNames) {
    take_names(d, now);
    return nullptr;
  }
  return d.kind == Kind::kCounts ? take_counts(d, now) : nullptr;
}

const Datagram* Sum::take_counts(const Datagram& d, base::Nanoseconds now) {
  answer_.node = d.node;
  answer_.list = d.list;
  answer_.sequence = d.sequence;
  answer_.first = d.first;
  answer_.total = d.total;
  answer_.values.clear();
  const auto list = lists_.find(d.list);
  if (list == lists_.end() || list->second.places.size() != d.total) {
    answer_.kind = Kind::kAsk;
    return &answer_;
  }
  if (nodes_.size() >= kMostNodes && nodes_.count(d.node) == 0) {
    ++refused_;
    return nullptr;
  }
  Node& node = nodes_[d.node];
  if (node.list != d.list || node.counts.empty()) {
    remove_counts(node);
    node.list = d.list;
    node.counts.assign(d.total, 0);
    node.sequences.assign((d.total + kMostValues - 1) / kMostValues, 0);
  }
  std::uint64_t& last = node.sequences[d.first / kMostValues];
  if (d.sequence <= last) {
    ++old_;
    return nullptr;
  }
  last = d.sequence;
  node.heard = now;
  list->second.used = now;
  const bool answers = d.wants_answer;
  if (answers) answer_.values.resize(d.values.size());
  for (std::size_t i = 0; i < d.values.size(); ++i) {
    std::uint32_t& own = node.counts[d.first + i];
    std::uint64_t& total = totals_[list->second.places[d.first + i]];
    total += d.values[i];
    total -= own;
    own = d.values[i];
    if (answers) {
      answer_.values[i] =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(total - own, UINT32_MAX));
    }
  }
  if (!answers) return nullptr;
  answer_.kind = Kind::kSum;
  answer_.nodes = static_cast<std::uint16_t>(nodes_.size());
  return &answer_;
}

void Sum::take_names(const Datagram& d, base::Nanoseconds now) {
  if (lists_.count(d.list) > 0) return;
  if (unfinished_.size() >= kMostUnfinished && unfinished_.count(d.list) == 0) {
    ++refused_;
    return;
  }
  Unfinished& u = unfinished_[d.list];
  if (u.names.size() != d.total) {
    u.names.assign(d.total, 0);
    u.known.assign(d.total, false);
    u.missing = d.total;
    u.begun = now;
  }
  for (std::size_t i = 0; i < d.names.size(); ++i) {
    const std::size_t at = d.first + i;
    if (!u.known[at]) --u.missing;
    u.known[at] = true;
    u.names[at] = d.names[i];
  }
  if (u.missing > 0) return;
  const std::vector<std::uint64_t> names = std::move(u.names);
  unfinished_.erase(d.list);
  if (key_.digest(names) == d.list) {
    finish(d.list, names, now);
  } else {
    ++refused_;
  }
}

void Sum::finish(
    std::uint64_t digest, const std::vector<std::uint64_t>& names, base::Nanoseconds now
) {
  List& list = lists_[digest];
  list.used = now;
  for (const std::uint64_t name : names) {
    const auto [place, fresh] =
        places_.try_emplace(name, static_cast<std::uint32_t>(totals_.size()));
    if (fresh) totals_.push_back(0);
    list.places.push_back(place->second);
  }
}

void Sum::remove_counts(Node& node) {
  const auto list = lists_.find(node.list);
  if (list == lists_.end()) return;
  for (std::size_t i = 0; i < node.counts.size(); ++i)
    totals_[list->second.places[i]] -= node.counts[i];
  node.counts.clear();
}

void Sum::expire(base::Nanoseconds now) {
  for (auto node = nodes_.begin(); node != nodes_.end();) {
    if (now < node->second.heard + kSilent) {
      ++node;
      continue;
    }
    remove_counts(node->second);
    node = nodes_.erase(node);
  }
  std::erase_if(unfinished_, [&](const auto& u) { return now > u.second.begun + kNamesTake; });
  drop_unused(now);
}

// Lists go when nobody used them for long; with the last of them goes every place, so that
// backends which came and went cost no memory for ever.
void Sum::drop_unused(base::Nanoseconds now) {
  const auto unused = [&](const auto& entry) { return now > entry.second.used + kListUnused; };
  if (std::erase_if(lists_, unused) == 0) return;
  std::unordered_map<std::uint32_t, std::uint32_t> moved;
  std::vector<std::uint64_t> totals;
  for (auto& [digest, list] : lists_) {
    for (std::uint32_t& place : list.places) {
      const auto [to, fresh] = moved.try_emplace(place, static_cast<std::uint32_t>(totals.size()));
      if (fresh) totals.push_back(totals_[place]);
      place = to->second;
    }
  }
  std::erase_if(places_, [&](const auto& entry) { return moved.count(entry.second) == 0; });
  for (auto& [name, place] : places_) place = moved.at(place);
  totals_ = std::move(totals);
}

std::uint64_t Sum::total(std::uint64_t backend) const {
  const auto place = places_.find(backend);
  return place == places_.end() ? 0 : totals_[place->second];
}

}  // namespace fairlead::exchange
