// SPDX-License-Identifier: BSD-3-Clause
// Equal shares with the fewest changes.
#include "dataplane/balance.hh"

#include <algorithm>
#include <map>
#include <numeric>

#include "dataplane/base/check.hh"

namespace fairlead::dataplane {
namespace {

/// How many items each may have: whoever has most now gets the shares that are one larger, so
/// that little moves. among[0] counts as having all, so that item 0 always fits.
std::map<unsigned, std::size_t> shares(
    const std::map<unsigned, std::size_t>& held, std::span<const unsigned> among, std::size_t items
) {
  std::vector<unsigned> order(among.begin() + 1, among.end());
  std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
    return held.at(a) > held.at(b);
  });
  order.insert(order.begin(), among.front());
  std::map<unsigned, std::size_t> share;
  const std::size_t larger = items % among.size();
  for (std::size_t i = 0; i < order.size(); ++i) {
    share[order[i]] = items / among.size() + (i < larger ? 1 : 0);
  }
  return share;
}

}  // namespace

std::vector<unsigned> rebalance(std::vector<unsigned> owners, std::span<const unsigned> among) {
  FL_CHECK(!among.empty());
  if (owners.empty()) return owners;
  owners.front() = among.front();
  std::map<unsigned, std::size_t> held;
  for (const unsigned a : among) held[a] = 0;
  for (const unsigned owner : owners) {
    if (const auto it = held.find(owner); it != held.end()) ++it->second;
  }
  std::map<unsigned, std::size_t> room = shares(held, among, owners.size());
  std::vector<std::size_t> homeless;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const auto it = room.find(owners[i]);
    if (it == room.end() || it->second == 0) {
      homeless.push_back(i);
    } else {
      --it->second;
    }
  }
  for (const std::size_t i : homeless) {
    const auto most = std::max_element(room.begin(), room.end(), [](const auto& a, const auto& b) {
      return a.second < b.second;
    });
    owners[i] = most->first;
    --most->second;
  }
  return owners;
}

std::vector<unsigned> items_of(std::span<const unsigned> owners, unsigned owner) {
  std::vector<unsigned> items;
  for (unsigned i = 0; i < owners.size(); ++i) {
    if (owners[i] == owner) items.push_back(i);
  }
  return items;
}

}  // namespace fairlead::dataplane
