// SPDX-License-Identifier: BSD-3-Clause
// Plain packets are handled eight at a time, bursts two at a time. Two workers get the same frames,
// one of them handles every packet by itself: frames, verdicts, every counter and the flow memory
// must be equal.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "dataplane/net/checksum.hh"
#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;
using testing::TestBank;
using testing::TestWorker;

/// Vips of both families with backends of both families and every encapsulation; one backend
/// drains, one is down.
testing::TestTable table() {
  std::vector<testing::TestMember> members;
  for (unsigned i = 0; i < 4; ++i) {
    members.push_back({.address = "10.0.1." + std::to_string(i + 1), .backend = 2 * i});
    members.push_back({.address = "2001:db8:b::" + std::to_string(i + 1), .backend = 2 * i + 1});
  }
  members[2].state = FL_MEMBER_DRAINING;
  for (auto& member : members) member.mac = "02:00:00:00:01:01";
  testing::TestTable out;
  const auto vip = [&](const char* prefix, net::IpProto protocol, std::uint8_t encapsulation) {
    out.vips.push_back(
        {.prefix = prefix,
         .protocol = protocol,
         .port = 80,
         .encapsulation = encapsulation,
         .choices = 2,
         .members = members}
    );
  };
  vip("203.0.113.10", net::IpProto::kTcp, FL_ENCAP_IPIP);
  vip("203.0.113.10", net::IpProto::kUdp, FL_ENCAP_GUE);
  vip("203.0.113.11", net::IpProto::kTcp, FL_ENCAP_GUE);
  vip("203.0.113.12", net::IpProto::kTcp, FL_ENCAP_L2);
  vip("2001:db8::10", net::IpProto::kTcp, FL_ENCAP_IPIP);
  vip("2001:db8::11", net::IpProto::kUdp, FL_ENCAP_GUE);
  // Nobody else to ask: a FIN and data in one burst differ by the hop list, as the data may come to
  // its turn first.
  out.vips[2].members.resize(2);
  return out;
}

class Bursts {
 public:
  /// `strangers`: so many of a hundred packets are SYNs of one of very many clients, some of them
  /// twice.
  explicit Bursts(unsigned seed, unsigned strangers = 0) : random_(seed), strangers_(strangers) {}

  std::vector<Frame> next() {
    std::vector<Frame> out;
    const unsigned count = pick(8) == 0 ? 1 + pick(kPacketsInTurn) : kPacketsInTurn;
    ended_.clear();
    while (out.size() < count) {
      const bool again = strangers_ != 0 && !out.empty() && pick(10) == 0;
      out.push_back(again ? out.back() : frame());
    }
    return out;
  }
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

 private:
  /// No connection ends, begins again and goes on within a burst: its data may come to its turn
  /// first, see run_pipeline().
  const char* flags_of(std::uint16_t client) {
    static constexpr const char* kFlags[] = {"FA", "R", "SF", "S", "A", "A", "A", "PA", "PA"};
    const unsigned at = pick(9);
    if (at < 3) ended_.insert(client);
    return at == 3 && ended_.contains(client) ? "A" : kFlags[at];
  }

  /// The first four bytes of the payload become an option.
  static void give_mss(std::uint8_t* tcp) {
    static constexpr std::uint8_t kMss[] = {2, 4, 1460 >> 8, 1460 & 0xff};
    tcp[12] = 6 << 4;
    std::memcpy(tcp + 20, kMss, sizeof kMss);
  }

  Frame frame() {
    testing::PacketBuilder builder = packet();
    const bool tagged = pick(20) == 0;
    if (tagged) builder.vlan(7);
    const bool v6 = pick(3) == 0;
    // .13 and ::12 are nobody's.
    if (v6) {
      builder.ipv6("2001:db8:c::7", "2001:db8::1" + std::to_string(pick(3)));
    } else {
      builder.ipv4("198.51.100.7", "203.0.113.1" + std::to_string(pick(4)));
    }
    builder.tos(static_cast<std::uint8_t>(pick(256))).ttl(static_cast<std::uint8_t>(pick(64)));
    const bool stranger = pick(100) < strangers_;
    const auto client = static_cast<std::uint16_t>(1000 + pick(stranger ? 60'000 : 200));
    if (stranger) {
      builder.tcp(client, 80, "S");
    } else if (pick(4) == 0) {
      builder.udp(client, 80);
    } else {
      builder.tcp(client, 80, flags_of(client));
    }
    static constexpr unsigned kPayload[] = {0, 0, 1, 20, 100, 1400, 1440, 1460};
    builder.payload(std::max(stranger ? 4U : 0U, kPayload[pick(8)]));
    Frame out = builder.pad_to(60);
    if (stranger) give_mss(&out[14 + (tagged ? 4 : 0) + (v6 ? 40 : 20)]);
    if (pick(8) == 0) out[12 + pick(62) % (out.size() - 12)] = static_cast<std::uint8_t>(random_());
    return out;
  }

  std::mt19937 random_;
  unsigned strangers_;
  std::set<std::uint16_t> ended_;
};

class BothWays : public ::testing::Test {
 protected:
  BothWays() { careful_.set_careful(); }

  void use(const TestBank& bank) {
    fast_.use(bank.view());
    careful_.use(bank.view());
  }
  void advance(base::Nanoseconds by) {
    fast_.advance(by);
    careful_.advance(by);
  }
  void run(const std::vector<Frame>& frames) {
    const auto fast = fast_.run(frames);
    const auto careful = careful_.run(frames);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      ASSERT_EQ(careful[i].verdict, fast[i].verdict) << i;
      ASSERT_EQ(careful[i].reason, fast[i].reason) << i;
      ASSERT_EQ(careful[i].out, fast[i].out) << i;
      if (careful[i].verdict != steer::Verdict::kForward) continue;
      ASSERT_EQ(careful[i].member, fast[i].member) << i;
    }
    ASSERT_EQ(0, fast_.unaccounted());
    ASSERT_EQ(0, std::memcmp(&fast_.page(), &careful_.page(), sizeof(fl_worker_page)));
    const auto fast_flows = fast_.flow_memory();
    ASSERT_TRUE(std::ranges::equal(fast_flows, careful_.flow_memory()));
  }

  TestWorker fast_{256};
  TestWorker careful_{256};
};

TEST_F(BothWays, ComeToTheSameResult) {
  const TestBank bank(table());
  use(bank);
  Bursts bursts(11);
  for (unsigned round = 0; round < 4000 && !HasFatalFailure(); ++round) {
    run(bursts.next());
    advance(bursts.pick(50) * base::kMillisecond);
  }
  EXPECT_GT(fast_.page().flow_hits, 20'000U) << "the comparison was empty";
  EXPECT_GT(fast_.page().answers[FL_REASON_TOO_BIG], 100U);
  const auto* events = fast_.page().flow_events;
  EXPECT_GT(
      std::accumulate(
          events + FL_EVENT_EXPIRED_NEW, events + FL_EVENT_EXPIRED_ADOPTED + 1, std::uint64_t{0}
      ),
      100U
  );
}

TEST_F(BothWays, ComeToTheSameResultWithManyNewFlows) {
  testing::TestTable many = table();
  many.icmp_error_limit = 1'000'000;  // in which order they come to it is not what is compared
  for (testing::TestVip& vip : many.vips) {
    vip.choices = 3;
    vip.mss = vip.encapsulation == FL_ENCAP_GUE ? 500 : 0;
  }
  const TestBank bank(many);
  use(bank);
  const auto scores = std::make_unique<fl_scores>();
  fast_.context().scores = careful_.context().scores = scores.get();
  Bursts bursts(16, 70);
  for (unsigned round = 0; round < 3000 && !HasFatalFailure(); ++round) {
    // Backends answer now and then; else all would be ejected.
    for (TestWorker* worker : {&fast_, &careful_}) worker->page().backends[round % 8].pending = 0;
    scores->updated_ns = round % 500 < 250 ? fast_.context().now : 0;
    scores->score[0][bursts.pick(8)].external = bursts.pick(20);
    run(bursts.next());
    // In turn more than the table holds, and few of what it holds.
    advance(bursts.pick(round % 1000 < 500 ? 10 : 1000) * base::kMillisecond);
  }
  EXPECT_GT(fast_.page().flow_inserts, 100'000U);
  EXPECT_GT(fast_.page().mss_clamped, 10'000U);
  EXPECT_GT(fast_.page().flow_events[FL_EVENT_EVICTED_NEW], 1'000U);
}

TEST_F(BothWays, ComeToTheSameResultWhenTablesChange) {
  testing::TestTable changing = table();
  changing.vips[0].members[0].state = FL_MEMBER_DOWN;
  const TestBank before(table());
  const TestBank after(changing);
  Bursts bursts(12);
  for (unsigned round = 0; round < 1000 && !HasFatalFailure(); ++round) {
    if (round % 100 == 10) use(before);
    if (round % 100 == 60) use(after);
    run(bursts.next());
    advance(bursts.pick(50) * base::kMillisecond);
  }
}

TEST_F(BothWays, ComeToTheSameResultWithOtherOuterHeaders) {
  testing::TestTable changed = table();
  changed.outer = {.entropy4 = 12, .entropy6 = 33, .ttl = 9, .dscp = 46, .df_clear = true};
  for (testing::TestVip& vip : changed.vips) vip.mss = 500;
  const TestBank bank(changed);
  use(bank);
  Bursts bursts(15);
  for (unsigned round = 0; round < 600 && !HasFatalFailure(); ++round) run(bursts.next());
  EXPECT_GT(fast_.page().flow_hits, 3'000U) << "the comparison was empty";
}

TEST_F(BothWays, ComeToTheSameResultWithoutRoomOrNextHop) {
  const TestBank bank(table());
  use(bank);
  Bursts bursts(13);
  for (unsigned round = 0; round < 600 && !HasFatalFailure(); ++round) {
    for (TestWorker* worker : {&fast_, &careful_}) {
      worker->set_headroom(round % 3 == 1 ? 30 : 128);
      if (round == 400) worker->context().hops.gateway6 = {};
    }
    run(bursts.next());
  }
  EXPECT_GT(fast_.page().drops[FL_REASON_NO_HEADROOM], 100U);
  EXPECT_GT(fast_.page().drops[FL_REASON_NO_NEXT_HOP], 100U);
}

TEST_F(BothWays, ComeToTheSameResultWithoutATable) {
  Bursts bursts(14);
  for (unsigned round = 0; round < 50 && !HasFatalFailure(); ++round) run(bursts.next());
  EXPECT_GT(fast_.page().drops[FL_REASON_NO_TABLE], 500U);
}

}  // namespace
}  // namespace fairlead::path
