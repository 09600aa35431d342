// SPDX-License-Identifier: BSD-3-Clause
// Edit distance over short words.
#include "control/cli/nearest.hh"

#include <algorithm>
#include <cstddef>

namespace fairlead::cli {
namespace {

constexpr std::size_t kLongestWord = 64;  // longer input is no typing mistake

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view typed, const std::vector<std::string>& known) {
  if (typed.empty() || typed.size() > kLongestWord) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = 0;
  for (const std::string& word : known) {
    if (word.size() > kLongestWord) continue;
    const std::size_t d = distance(typed, word);
    const std::size_t allowed = std::max<std::size_t>(1, std::max(word.size(), typed.size()) / 3);
    if (d > allowed || d >= word.size()) continue;
    if (!best || d < best_distance) {
      best = word;
      best_distance = d;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known) {
  const auto word = nearest(typed, known);
  return word ? ", did you mean '" + *word + "'?" : "";
}

std::string enumerate(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace fairlead::cli
