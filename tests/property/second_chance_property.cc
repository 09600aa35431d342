// SPDX-License-Identifier: BSD-3-Clause
// The law of the second chance: whoever was chosen for a connection is among those whom another
// node asks after it, by the same table and by the next one.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <netinet/in.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "control/steering/steering.hh"
#include "dataplane/path/candidates.hh"
#include "dataplane/steer/reserves.h"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::TestWorker;

constexpr unsigned kFlows = 300;

struct alignas(64) Line {
  std::byte bytes[64];
};

/// A pool over GUE, planned, encoded and published as control does it, several times.
class Pool {
 public:
  Pool(unsigned backends, std::uint8_t choices, bool six) {
    intent_.vip.name = "vip";
    intent_.vip.prefix = {*net::IpAddr::parse("203.0.113.20"), 32};
    intent_.vip.port = 80;
    intent_.vip.encapsulation = model::Encapsulation::kGue;
    intent_.vip.choices = choices;
    for (unsigned b = 0; b < backends; ++b) {
      model::Backend backend;
      backend.id = "b" + std::to_string(b);
      backend.address =
          *net::IpAddr::parse((six ? "2001:db8::1:" : "10.0.1.") + std::to_string(b + 1));
      intent_.vip.backends.push_back(backend);
      intent_.backends.push_back({.weight = 100});
    }
  }

  std::vector<steering::BackendIntent>& backends() { return intent_.backends; }

  void publish() {
    const auto plan = steering_.plan({intent_}, {}, ++generation_ * base::kSecond);
    ASSERT_TRUE(plan);
    auto bank = std::make_unique<std::vector<Line>>(1 << 15);
    const auto bytes = std::as_writable_bytes(std::span(*bank));
    ASSERT_TRUE(steering::encode(*plan, generation_, generation_ * base::kSecond, bytes));
    steering_.commit(*plan);
    view_ = *steer::TableView::attach(bank->data(), bytes.size());
    banks_.push_back(std::move(bank));
  }

  const steer::TableView& view() const { return view_; }
  const fl_vip& vip() const { return view_.vips()[0]; }

  /// Backends that a node without the connection asks, the outer destination first.
  std::set<std::uint32_t> asked(std::uint64_t hash) const {
    const std::uint32_t number = first_candidate(view_, vip(), hash);
    if (number == FL_NO_MEMBER) return {};
    const fl_member& first = view_.member(number);
    std::array<const fl_member*, FL_GUE_MAX_HOPS> others;
    const unsigned count = others_to_ask(view_, vip(), hash, first, others);
    std::set<std::uint32_t> out = {first.backend};
    for (unsigned i = 0; i < count; ++i) out.insert(others[i]->backend);
    return out;
  }

 private:
  steering::PoolIntent intent_;
  steering::Steering steering_;
  std::uint64_t generation_ = 0;
  std::vector<std::unique_ptr<std::vector<Line>>> banks_;
  steer::TableView view_;
};

/// Weights between a third and three times the usual one, and sometimes a backend that drains.
void disturb(Pool& pool, std::mt19937& random) {
  for (auto& backend : pool.backends()) {
    backend.weight = 33 + static_cast<std::uint32_t>(random() % 267);
    backend.state = random() % 20 == 0 ? FL_MEMBER_DRAINING : FL_MEMBER_ACTIVE;
  }
  pool.backends()[0].state = FL_MEMBER_ACTIVE;
}

TEST(SecondChance, WhoeverWasChosenIsAskedByTheSameTableAndTheNext) {
  unsigned reserves = 0;
  const bool held = rc::check("candidates, reserves and earlier owners", [&] {
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    const auto choices = static_cast<std::uint8_t>(*rc::gen::inRange(1U, FL_MAX_CANDIDATES + 1));
    Pool pool(*rc::gen::inRange(2U, 200U), choices, *rc::gen::arbitrary<bool>());
    pool.publish();
    for (unsigned step = 0; step < 3; ++step) {
      disturb(pool, random);
      pool.publish();  // so every slot may have a past already
      TestWorker worker;
      worker.use(pool.view());
      for (auto& backend : worker.page().backends)
        backend.in_flight = static_cast<std::uint32_t>(random() % 8);

      std::vector<std::pair<std::uint64_t, std::uint32_t>> flows;
      for (unsigned i = 0; i < kFlows; ++i) {
        const std::uint64_t hash = std::uint64_t{random()} << 32 | random();
        const std::uint32_t member =
            choose_backend(worker.context(), {&pool.vip(), hash, true, false}, false);
        flows.emplace_back(hash, pool.view().member(member).backend);
        bool candidate = false;
        for (std::uint32_t c = 0; c < choices; ++c)
          candidate =
              candidate ||
              member ==
                  pool.view().slot(pool.vip(), fl_candidate_slot(hash, c, pool.vip().table_size));
        reserves += candidate ? 0 : 1;
      }
      for (const auto& [hash, backend] : flows) RC_ASSERT(pool.asked(hash).contains(backend));

      disturb(pool, random);
      pool.publish();
      for (const auto& [hash, backend] : flows) RC_ASSERT(pool.asked(hash).contains(backend));
    }
  });
  EXPECT_TRUE(held);
  EXPECT_GT(reserves, 100U) << "else this is no test of reserves";
}

TEST(SecondChance, ASmallPoolIsAskedWholeWhateverItsSlotsRemember) {
  rc::check("all members that serve", [&] {
    std::mt19937 random(*rc::gen::arbitrary<std::uint32_t>());
    const auto choices = static_cast<std::uint8_t>(*rc::gen::inRange(1U, FL_MAX_CANDIDATES + 1));
    const bool six = *rc::gen::arbitrary<bool>();
    const unsigned room =  // itself, and the hops
        1 + fl_longest_list(choices, FL_ENCAP_GUE, IPPROTO_TCP, six ? 6 : 4, /*pool_size=*/2);
    Pool pool(*rc::gen::inRange(2U, room + 1), choices, six);
    pool.publish();
    for (unsigned step = 0; step < 4; ++step) {
      disturb(pool, random);
      pool.backends().back().weight = 1;  // too few slots to be met on a walk
      pool.publish();
      for (unsigned i = 0; i < kFlows; ++i) {
        const std::uint64_t hash = std::uint64_t{random()} << 32 | random();
        RC_ASSERT(pool.asked(hash).size() == pool.backends().size());
      }
    }
  });
}

}  // namespace
}  // namespace fairlead::path
