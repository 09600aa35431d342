// SPDX-License-Identifier: BSD-3-Clause
// Prequal (Wydrowski, Kleinberg, Rumble, Archer, "Load is not what you should balance", NSDI 2024):
// asynchronous probes tell requests in flight (RIF) and latency; a pool of 16 answers is reused.
// Hot-cold rule: an answer is hot when its RIF is above the 0.84 quantile of recent RIFs; if any is
// cold, the cold one of least latency is taken, else the one of least RIF.
// Parameters as published: pool 16, age limit 1 s, 3 probes a query, one removed per query
// (oldest and worst in turn), reuse budget b = max(1, (1 + delta) / ((1 - m/n) r - 1)), delta 1.
// Latency is scaled by (RIF now + 1) / (RIF at the probe + 1) after own sends: our addition,
// without which an idle backend keeps an old high estimate. Limits: probes are drawn alike, so
// pools far from homogeneous waste most of them; at layer 4 three probes per connection are many
// messages.
#include <algorithm>
#include <cmath>

#include "control/policy/picker.hh"

namespace fairlead::policy {

namespace {

constexpr std::size_t kPool = 16;
constexpr base::Nanoseconds kAgeLimit = base::kSecond;
constexpr std::uint32_t kProbes = 3;
constexpr double kQuantile = 0.84;
constexpr std::size_t kRecent = 128;  // RIFs that the quantile is taken of
constexpr std::size_t kRefresh = 16;  // samples between two quantiles

class Prequal final : public Picker {
 public:
  std::uint32_t pick(const NodeView& node, Random& random) override {
    forget(node);
    budget(node.weight.size());
    if (pool_.size() < 2) return any(node, random);
    const std::size_t chosen = select();
    const std::uint32_t backend = pool_[chosen].backend;
    pool_[chosen].active += 1;
    if (--pool_[chosen].uses <= 0) pool_.erase(pool_.begin() + static_cast<std::ptrdiff_t>(chosen));
    remove_one();
    return backend;
  }
  [[nodiscard]] std::uint32_t probes() const override { return kProbes; }

  void probed(std::uint32_t b, double active, double latency_us, base::Nanoseconds now) override {
    if (pool_.size() >= kPool) pool_.erase(pool_.begin());
    pool_.push_back({b, active, active, latency_us, now, uses_});
    if (recent_.size() < kRecent) {
      recent_.push_back(active);
    } else {
      recent_[at_++ % kRecent] = active;
    }
    if (++samples_ % kRefresh == 0 || samples_ < kRefresh) refresh_threshold();
  }

 private:
  struct Answer {
    std::uint32_t backend;
    double active;
    double active_then;
    double latency;
    base::Nanoseconds at;
    int uses;
    [[nodiscard]] double expected() const { return latency * (active + 1) / (active_then + 1); }
  };

  void refresh_threshold() {
    std::vector<double> sorted = recent_;
    const auto at = static_cast<std::ptrdiff_t>(kQuantile * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), sorted.begin() + at, sorted.end());
    threshold_ = sorted[static_cast<std::size_t>(at)];
  }
  void budget(std::size_t n) {
    const double m = static_cast<double>(std::min(kPool, n));
    const double rate = (1 - m / static_cast<double>(std::max<std::size_t>(n, 1))) * kProbes - 1;
    uses_ = rate <= 0.2 ? 10 : static_cast<int>(std::lround(std::max(1.0, 2 / rate)));
  }
  void forget(const NodeView& node) {
    std::erase_if(pool_, [&](const Answer& a) {
      return node.now > a.at + kAgeLimit || a.backend >= node.usable.size() ||
             node.usable[a.backend] == 0;
    });
  }
  [[nodiscard]] std::size_t select() const {
    std::size_t cold = pool_.size();
    std::size_t least = 0;
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      if (pool_[i].active < pool_[least].active) least = i;
      if (pool_[i].active > threshold_) continue;
      if (cold == pool_.size() || pool_[i].expected() < pool_[cold].expected()) cold = i;
    }
    return cold < pool_.size() ? cold : least;
  }
  /// One answer per query leaves: the oldest and the worst in turn.
  void remove_one() {
    if (pool_.size() < 2) return;
    std::size_t victim = 0;  // the oldest: answers are kept in the order of arrival
    remove_worst_ = !remove_worst_;
    if (remove_worst_) {
      const auto worse = [&](const Answer& x, const Answer& y) {
        const bool hot_x = x.active > threshold_;
        const bool hot_y = y.active > threshold_;
        if (hot_x != hot_y) return hot_y;
        return hot_x ? x.active < y.active : x.expected() < y.expected();
      };
      victim = static_cast<std::size_t>(
          std::max_element(pool_.begin(), pool_.end(), worse) - pool_.begin()
      );
    }
    pool_.erase(pool_.begin() + static_cast<std::ptrdiff_t>(victim));
  }
  static std::uint32_t any(const NodeView& node, Random& random) {
    const auto count = static_cast<std::uint32_t>(node.usable.size());
    const std::uint32_t start = random.below(count);
    for (std::uint32_t i = 0; i < count; ++i)
      if (node.usable[(start + i) % count] != 0) return (start + i) % count;
    return kNobody;
  }

  std::vector<Answer> pool_;
  std::vector<double> recent_;
  std::size_t at_ = 0;
  std::size_t samples_ = 0;
  double threshold_ = 0;
  int uses_ = 1;
  bool remove_worst_ = false;
};

}  // namespace

std::unique_ptr<Picker> make_prequal() {
  return std::make_unique<Prequal>();
}

}  // namespace fairlead::policy
