// SPDX-License-Identifier: BSD-3-Clause
// Shares, median, cap.
#include "control/health/outliers.hh"

#include <algorithm>

namespace fairlead::health {
namespace {

double share_of(const OutlierSample& sample) {
  return sample.attempts <= 0 ? 0 : std::min(1.0, sample.failures / sample.attempts);
}

/// Of two in the middle the lower one: in a pool of two the upper one is the suspect itself.
double median_share(const std::vector<OutlierSample>& pool) {
  std::vector<double> shares;
  for (const OutlierSample& sample : pool) {
    if (sample.attempts >= Outliers::kLeastAttempts) shares.push_back(share_of(sample));
  }
  if (shares.empty()) return 0;
  const auto middle = shares.begin() + static_cast<std::ptrdiff_t>((shares.size() - 1) / 2);
  std::nth_element(shares.begin(), middle, shares.end());
  return *middle;
}

}  // namespace

std::vector<std::string> Outliers::out(base::Nanoseconds now) const {
  std::vector<std::string> ids;
  for (const auto& [id, record] : records_) {
    if (now < record.until) ids.push_back(id);
  }
  return ids;
}

void Outliers::weigh(
    const std::vector<OutlierSample>& pool, const OutlierRules& rules, base::Nanoseconds now
) {
  std::map<std::string, Record> kept;
  std::vector<const OutlierSample*> suspects;
  std::size_t gone = 0;
  const double least = std::max(rules.failures, 2 * median_share(pool));
  for (const OutlierSample& sample : pool) {
    const auto old = records_.find(sample.backend);
    Record record = old == records_.end() ? Record{} : old->second;
    if (now < record.until) ++gone;
    // It behaved as long after its return as it was out.
    if (record.times > 0 && now >= record.until + rules.hold * record.times) {
      --record.times;
      record.until = now;
    }
    if (record.times > 0) kept[sample.backend] = record;
    if (rules.failures > 0 && now >= record.until && sample.attempts >= kLeastAttempts &&
        share_of(sample) >= least)
      suspects.push_back(&sample);
  }
  records_ = std::move(kept);
  std::stable_sort(suspects.begin(), suspects.end(), [](const auto* a, const auto* b) {
    return share_of(*a) > share_of(*b);
  });
  const std::size_t most = pool.size() * rules.cap_pct / 100;
  for (const OutlierSample* suspect : suspects) {
    if (gone >= most) break;
    Record& record = records_[suspect->backend];
    record.times = std::min(record.times + 1, kMostTimes);
    record.until = now + rules.hold * record.times;
    ++gone;
  }
}

}  // namespace fairlead::health
