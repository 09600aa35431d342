// SPDX-License-Identifier: BSD-3-Clause
// Join idle queue (Lu, Xie, Kliot, Geller, Larus, Greenberg, Performance Evaluation 2011): a
// backend whose core becomes idle leaves a token with a random node; a node spends a token, and
// without one draws by weight. Waiting vanishes for many cores while tokens are there.
// Parameters: none beside the weights (any unit). Limits: at high load tokens run out and it is
// weighted random; tokens of slow backends are as good as those of fast ones; a token may be
// older than the idleness it stands for.
#include "control/policy/picker.hh"

namespace fairlead::policy {

namespace {

class JoinIdleQueue final : public Picker {
 public:
  std::uint32_t pick(const NodeView& node, Random& random) override {
    while (!tokens_.empty()) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(tokens_.size()));
      const std::uint32_t backend = tokens_[at];
      tokens_[at] = tokens_.back();
      tokens_.pop_back();
      if (backend < node.usable.size() && node.usable[backend] != 0) return backend;
    }
    return draw_.draw(node, random);
  }
  [[nodiscard]] bool wants_tokens() const override { return true; }
  void token(std::uint32_t backend) override { tokens_.push_back(backend); }

 private:
  std::vector<std::uint32_t> tokens_;
  WeightedDraw draw_;
};

}  // namespace

std::unique_ptr<Picker> make_jiq() {
  return std::make_unique<JoinIdleQueue>();
}

}  // namespace fairlead::policy
