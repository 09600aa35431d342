// SPDX-License-Identifier: BSD-3-Clause
// The bounds: what a balancer could do that saw everything at once.
//
// Central JSQ sends each request to the backend of the shortest expected delay, by true speeds and
// instant counts: (k + 1) / cores / speed, at least 1 / speed; ties at random. It does not see how
// much work a request is, and it minimises neither mean nor p99 exactly, so ratios below 1 exist.
// Source: Weinrib, Shenker, "Greed is not enough", INFOCOM 1988. O(log backends) by a winner tree.
#include <algorithm>
#include <limits>

#include "control/policy/random.hh"
#include "control/sim/routing.hh"
#include "control/sim/workload.hh"

namespace fairlead::sim {

namespace {

/// The smallest of n keys; replaying one leaf's path costs log2 n comparisons.
class WinnerTree {
 public:
  struct Key {
    double score = std::numeric_limits<double>::infinity();
    std::uint64_t tie = 0;
  };
  explicit WinnerTree(std::size_t count) {
    while (leaves_ < count) leaves_ *= 2;
    keys_.resize(leaves_);
    winner_.resize(2 * leaves_);
    for (std::size_t i = 0; i < leaves_; ++i) winner_[leaves_ + i] = static_cast<std::uint32_t>(i);
    for (std::size_t i = leaves_ - 1; i > 0; --i) play(i);
  }
  void set(std::uint32_t leaf, Key key) {
    keys_[leaf] = key;
    for (std::size_t i = (leaves_ + leaf) / 2; i > 0; i /= 2) play(i);
  }
  [[nodiscard]] std::uint32_t winner() const { return winner_[1]; }
  [[nodiscard]] const Key& key(std::uint32_t leaf) const { return keys_[leaf]; }

 private:
  void play(std::size_t i) {
    const std::uint32_t x = winner_[2 * i];
    const std::uint32_t y = winner_[2 * i + 1];
    const bool second = keys_[y].score < keys_[x].score ||
                        (keys_[y].score == keys_[x].score && keys_[y].tie < keys_[x].tie);
    winner_[i] = second ? y : x;
  }
  std::size_t leaves_ = 1;
  std::vector<Key> keys_;
  std::vector<std::uint32_t> winner_;
};

class Central final : public Routing {
 public:
  Central(const Setup& setup, Truth truth)
      : truth_(truth),
        queue_(setup.policy.family == Family::kCentralQueue),
        random_(draws(setup.seed, StreamName::kPicker).word(0)),
        tree_(setup.backends.size()),
        usable_(setup.backends.size(), 1) {}

  std::uint32_t prepare(const Shipment& shipment, Time) override {
    usable_ = shipment.usable;
    for (std::uint32_t b = 0; b < usable_.size(); ++b) changed(b);
    return 1;
  }
  void adopt(std::uint32_t, std::uint32_t) override {}
  std::uint32_t route(std::uint32_t, std::uint64_t, Time) override {
    const std::uint32_t best = tree_.winner();
    if (best >= usable_.size()) return kNoBackend;
    return tree_.key(best).score == std::numeric_limits<double>::infinity() ? kNoBackend : best;
  }
  bool finds(std::uint32_t, std::uint64_t, std::uint32_t) override { return true; }

  void changed(std::uint32_t b) override {
    const BackendModel& backend = (*truth_.backends)[b];
    WinnerTree::Key key;
    key.tie = random_.next();
    if (usable_[b] != 0 && (*truth_.up)[b] != 0) {
      const double k = backend.active() + 1.0;
      if (!queue_) {
        key.score = std::max(1.0, k / backend.spec().cores) / backend.speed();
      } else if (backend.idle_core()) {
        key.score = 1 / backend.speed();
      }
    }
    tree_.set(b, key);
  }

 private:
  Truth truth_;
  bool queue_;
  policy::Random random_;
  WinnerTree tree_;
  std::vector<std::uint8_t> usable_;
};

}  // namespace

std::unique_ptr<Routing> make_central_routing(const Setup& setup, Truth truth) {
  return std::make_unique<Central>(setup, truth);
}

}  // namespace fairlead::sim
