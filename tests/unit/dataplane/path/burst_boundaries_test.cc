// SPDX-License-Identifier: BSD-3-Clause
// Which packets come in a burst together is chance: what becomes of a packet, and what is counted,
// must not depend on it. Workers get the same random packets cut into bursts differently.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;
using testing::Result;
using testing::TestBank;
using testing::TestWorker;

/// What may depend on how packets are grouped. Nothing else may.
///   hits     A burst is looked up before its new flows are entered: a flow's second packet is
///            another miss if it comes in the same burst.
///   floods   They are counted in bursts.
///   pending  Packets of known flows are applied before new flows are begun, so a handshake that a
///            backend completes may count before or after a SYN that came just before it.
/// For the same reason, where load decides: which backend a new flow gets, of those it may get; and
/// in a full table, which flow gives way. docs/data-path.md says why all this does no harm.
std::unique_ptr<fl_worker_page> ungrouped(const fl_worker_page& page, bool known_flows) {
  auto out = std::make_unique<fl_worker_page>(page);
  out->flow_misses += std::exchange(out->flow_hits, 0);
  out->flood_bursts = 0;
  for (fl_vip_counters& vip : out->vips) vip.misses += std::exchange(vip.hits, 0);
  if (!known_flows) return out;
  for (fl_backend_counters& backend : out->backends) backend.pending = 0;
  return out;
}

/// A flow of clients, towards vip .10 to .13 or ::10 to ::13.
struct Flow {
  bool v6;
  bool udp;
  unsigned vip;
  unsigned client;
  std::uint16_t port;
  auto operator<=>(const Flow&) const = default;
};

struct Sent {
  Flow flow;
  std::string flags = {};  // TCP only
  Frame frame = {};
  [[nodiscard]] bool says(const char* any_of) const {
    return !flow.udp && flags.find_first_of(any_of) != std::string::npos;
  }
};

/// Members of both families, most of them well, and vips of every encapsulation.
class Worlds {
 public:
  explicit Worlds(unsigned seed) : random_(seed) {}
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool chance(unsigned percent) { return pick(100) < percent; }

  /// `choices` 0: at random.
  testing::TestTable table(unsigned choices, bool all_well) {
    testing::TestTable out;
    const std::vector<testing::TestMember> members = some_members(all_well);
    static constexpr std::uint8_t kEncap[] = {
        FL_ENCAP_IPIP, FL_ENCAP_GUE, FL_ENCAP_IPIP, FL_ENCAP_L2};
    for (unsigned k = 0; k < 16; ++k) {
      const std::string at = std::to_string(10 + k % 4);
      testing::TestVip vip{.prefix = k < 8 ? "203.0.113." + at : "2001:db8::" + at};
      vip.protocol = k / 4 % 2 == 0 ? net::IpProto::kTcp : net::IpProto::kUdp;
      vip.encapsulation = kEncap[k % 4];
      vip.choices = static_cast<std::uint8_t>(choices != 0 ? choices : 1 + pick(4));
      vip.members = members;
      if (chance(30)) vip.mss = 500;
      if (chance(10)) vip.flags = FL_VIP_STATELESS;
      out.vips.push_back(vip);
    }
    out.icmp_error_limit = 1'000'000;  // in which order they come to it is not what is compared
    return out;
  }

  /// Idle times of a few seconds, and perhaps a limit of new flows.
  void make_hasty(testing::TestTable& table) {
    static constexpr std::uint32_t kLimits[] = {0, 0, 1, 40, 330, 100'000};
    table.new_flow_limit = kLimits[pick(6)];
    for (std::uint32_t* idle :
         {&table.idle_new_ms,
          &table.idle_confirmed_ms,
          &table.idle_closing_ms,
          &table.idle_adopted_ms,
          &table.idle_udp_ms,
          &table.idle_udp_new_ms})
      *idle = 500 + pick(3000);
  }

  /// Up to 128 packets. `fresh`: each of a flow that is met in no other burst. Else of few flows,
  /// who do only what clients can: no connection begins anew and goes on in the same moment, before
  /// an answer can have come. Its data might be applied first, see run_pipeline().
  std::vector<Sent> turn(bool fresh) {
    std::vector<Sent> out;
    const unsigned count = chance(30) ? 1 + pick(kPacketsInTurn) : kPacketsInTurn;
    const unsigned again = chance(50) ? 10 : pick(80);
    std::set<Flow> turning;
    while (out.size() < count) {
      const std::size_t burst = out.size() / kBurstPackets * kBurstPackets;
      const auto earlier = static_cast<unsigned>(out.size() - burst);
      const bool repeats = earlier != 0 && chance(again);
      Sent sent{.flow = repeats ? out[burst + pick(earlier)].flow : flow(fresh), .flags = flags()};
      if (fresh && chance(60)) sent.flags = "S";
      if (!fresh && turning.contains(sent.flow) && !sent.says("SFR")) sent.flags = "S";
      if (sent.says("SFR")) turning.insert(sent.flow);
      sent.frame = frame(sent);
      out.push_back(std::move(sent));
    }
    return out;
  }

 private:
  std::vector<testing::TestMember> some_members(bool all_well) {
    std::vector<testing::TestMember> out;
    const unsigned count = 2 + pick(10);
    for (unsigned b = 0; b < count; ++b) {
      const std::string at = std::to_string(b + 1);
      testing::TestMember member{
          .address = chance(30) ? "2001:db8:b::" + at : "10.0.1." + at,
          .backend = b,
          .inverse_weight = 900 + pick(3),
          .mac = "02:00:00:00:01:01"};
      if (!all_well && chance(10)) member.state = FL_MEMBER_DRAINING;
      if (!all_well && chance(10)) member.state = FL_MEMBER_DOWN;
      out.push_back(member);
    }
    return out;
  }

  Flow flow(bool fresh) {
    const bool v6 = chance(33);
    const bool udp = chance(15);
    if (fresh) return {v6, udp, pick(4), ++clients_, static_cast<std::uint16_t>(1000 + pick(9000))};
    return {v6, udp, pick(4), pick(3), static_cast<std::uint16_t>(1000 + pick(60))};
  }
  const char* flags() {
    static constexpr const char* kFlags[] = {"S", "S", "A", "A", "A", "PA", "FA", "R", "SA", "P"};
    return kFlags[pick(10)];
  }
  Frame frame(const Sent& sent) {
    testing::PacketBuilder builder = packet();
    if (chance(4)) builder.vlan(7);
    const auto [v6, udp, vip, client, port] = sent.flow;
    const std::string to = std::to_string(10 + vip);
    if (v6) {
      builder.ipv6("2001:db8:c::" + std::to_string(client), "2001:db8::" + to);
    } else {
      const std::string low = std::to_string(client / 200) + "." + std::to_string(client % 200);
      builder.ipv4("198.18." + low, "203.0.113." + to);
      if (chance(4)) builder.options(8);
    }
    if (chance(2)) builder.ttl(static_cast<std::uint8_t>(pick(3)));
    if (udp) {
      builder.udp(port, 80);
    } else {
      builder.tcp(port, 80, sent.flags);
    }
    static constexpr unsigned kPayload[] = {4, 4, 20, 100, 1400, 1440, 1460};
    return builder.payload(kPayload[pick(7)]).pad_to(60);
  }

  std::mt19937_64 random_;
  unsigned clients_ = 0;
};

/// An entry of the flow table, wherever it lies.
struct Entry {
  std::uint64_t identity;
  flow::FlowState state;
  flow::Tick seen;
  std::uint32_t member;
  auto operator<=>(const Entry&) const = default;
};

std::vector<Entry> entries(TestWorker& worker, bool with_members) {
  const flow::FlowTable& flows = worker.context().flows;
  std::vector<Entry> out;
  for (std::uint32_t bucket = 0; bucket < flows.bucket_count(); ++bucket)
    flows.visit_bucket(bucket, [&](flow::Position at) {
      const std::uint32_t member = with_members ? flows.member(at) : 0;
      out.push_back({flows.identity(at), flows.state(at), flows.seen(at), member});
    });
  std::ranges::sort(out);
  return out;
}

/// What a client would call its connection: the backend that it was given stays its backend until
/// it ends it.
class Connections {
 public:
  void expect_kept(const std::vector<Sent>& sent, const std::vector<Result>& results) {
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (results[i].member == FL_NO_MEMBER) continue;  // it was not looked at
      const auto [at, unknown] = known_.try_emplace(sent[i].flow);
      const bool begins = sent[i].says("S") && !sent[i].says("A");
      if (unknown || (begins && at->second.over)) {
        at->second = {results[i].member, !begins && !sent[i].flow.udp};
      } else {
        ASSERT_EQ(at->second.member, results[i].member) << "packet " << i << ' ' << sent[i].flags;
        ++kept_;
      }
      if (sent[i].says("FR")) at->second.over = true;
    }
  }
  [[nodiscard]] std::uint64_t kept() const { return kept_; }

 private:
  struct Connection {
    std::uint32_t member = FL_NO_MEMBER;
    bool over = false;  // or met in mid-life: its next SYN is decided anew
  };
  std::map<Flow, Connection> known_;
  std::uint64_t kept_ = 0;
};

class BurstBoundaries : public ::testing::Test {
 protected:
  enum Cut { kBursts, kCareful, kSingles, kRagged, kCuts };

  void begin(unsigned buckets, const testing::TestTable& table) {
    bank_ = std::make_unique<TestBank>(table);
    for (unsigned cut = 0; cut < kCuts; ++cut) {
      workers_[cut] = std::make_unique<TestWorker>(buckets);
      workers_[cut]->use(bank_->view());
    }
    workers_[kCareful]->set_careful();
  }
  void advance(base::Nanoseconds by) {
    for (const auto& worker : workers_) worker->advance(by);
  }
  /// Every backend has answered.
  void answer() {
    for (const auto& worker : workers_)
      for (fl_backend_counters& backend : worker->page().backends) backend.pending = 0;
  }

  void run(Worlds& worlds, const std::vector<Sent>& sent) {
    std::vector<Frame> frames;
    for (const Sent& packet : sent) frames.push_back(packet.frame);
    results_[kBursts] = workers_[kBursts]->run(frames);
    results_[kCareful] = workers_[kCareful]->run(frames);
    results_[kSingles].clear();
    for (const Frame& frame : frames)
      results_[kSingles].push_back(workers_[kSingles]->run_one(frame));
    results_[kRagged].clear();
    for (std::size_t at = 0; at < frames.size();) {
      const std::size_t count = std::min<std::size_t>(frames.size() - at, 1 + worlds.pick(60));
      const auto first = frames.begin() + static_cast<std::ptrdiff_t>(at);
      for (Result& result : workers_[kRagged]->run({first, first + static_cast<int>(count)}))
        results_[kRagged].push_back(std::move(result));
      at += count;
    }
    for (const auto& worker : workers_) ASSERT_EQ(0, worker->unaccounted());
  }

  void expect_same_packets(Cut cut) {
    for (std::size_t i = 0; i < results_[cut].size(); ++i) {
      const Result& expected = results_[kBursts][i];
      const Result& result = results_[cut][i];
      ASSERT_EQ(expected.verdict, result.verdict) << i;
      ASSERT_EQ(expected.reason, result.reason) << i;
      ASSERT_EQ(expected.out, result.out) << i;
      if (result.verdict == steer::Verdict::kForward) {
        ASSERT_EQ(expected.member, result.member) << i;
      }
    }
  }
  void expect_same_flow_memory(Cut cut) {
    ASSERT_TRUE(std::ranges::equal(workers_[kBursts]->flow_memory(), workers_[cut]->flow_memory()));
  }
  void expect_same_counters(Cut cut, bool known_flows) {
    const auto expected = ungrouped(page(kBursts), known_flows);
    const auto counted = ungrouped(page(cut), known_flows);
    ASSERT_EQ(0, std::memcmp(expected.get(), counted.get(), sizeof(fl_worker_page)));
  }
  /// Whether packets are handled eight at a time or each by itself is nobody's business at all.
  void expect_careful_is_same() {
    expect_same_packets(kCareful);
    expect_same_flow_memory(kCareful);
    ASSERT_EQ(0, std::memcmp(&page(kBursts), &page(kCareful), sizeof(fl_worker_page)));
  }
  const fl_worker_page& page(Cut cut) { return workers_[cut]->page(); }

  std::unique_ptr<TestBank> bank_;
  std::array<std::unique_ptr<TestWorker>, kCuts> workers_;
  std::array<std::vector<Result>, kCuts> results_;
};

constexpr unsigned kMost[] = {20, 10'000, 200'000, 6'000'000};  // microseconds between turns

/// Everything that can become of a new flow, in tables that may be much too small: all is the same,
/// even the order of entries.
TEST_F(BurstBoundaries, AreNothingToNewFlows) {
  std::uint64_t evicted = 0;
  std::uint64_t expired = 0;
  std::uint64_t floods = 0;
  std::uint64_t refused = 0;
  for (unsigned world = 1; world <= 40 && !HasFatalFailure(); ++world) {
    SCOPED_TRACE(world);
    Worlds worlds(world);
    testing::TestTable table = worlds.table(0, false);
    worlds.make_hasty(table);
    begin(2U << worlds.pick(10), table);
    for (unsigned turn = 0; turn < 40 && !HasFatalFailure(); ++turn) {
      if (worlds.chance(60)) answer();
      run(worlds, worlds.turn(true));
      expect_careful_is_same();
      expect_same_packets(kSingles);
      expect_same_flow_memory(kSingles);
      expect_same_counters(kSingles, false);
      advance(worlds.pick(kMost[world % 4]) * base::kMicrosecond);
    }
    const auto* events = page(kBursts).flow_events;
    evicted += events[FL_EVENT_EVICTED_NEW];
    expired += events[FL_EVENT_EXPIRED_NEW] + events[FL_EVENT_EVICTED_EXPIRED];
    floods += events[FL_EVENT_FLOOD];
    refused += page(kBursts).flow_inserts_refused;
  }
  EXPECT_GT(evicted, 1000U);
  EXPECT_GT(expired, 1000U);
  EXPECT_GT(floods, 1000U);
  EXPECT_GT(refused, 1000U);
}

/// Known flows among new ones, where load decides nothing: entries may lie elsewhere.
TEST_F(BurstBoundaries, AreNothingToKnownFlows) {
  std::uint64_t reused = 0;
  for (unsigned world = 1; world <= 20 && !HasFatalFailure(); ++world) {
    SCOPED_TRACE(world);
    Worlds worlds(world);
    testing::TestTable table = worlds.table(1, false);
    worlds.make_hasty(table);
    begin(1024, table);
    for (unsigned turn = 0; turn < 40 && !HasFatalFailure(); ++turn) {
      answer();
      run(worlds, worlds.turn(false));
      expect_careful_is_same();
      for (const Cut cut : {kSingles, kRagged}) {
        expect_same_packets(cut);
        expect_same_counters(cut, true);
        ASSERT_EQ(entries(*workers_[kBursts], true), entries(*workers_[cut], true));
      }
      advance(worlds.pick(kMost[world % 4]) * base::kMicrosecond);
    }
    reused += page(kBursts).flow_events[FL_EVENT_REUSED];
  }
  EXPECT_GT(reused, 1000U);
}

/// Where load decides, a new flow may get one backend or another; all its packets get the same.
TEST_F(BurstBoundaries, SendNoFlowToTwoBackends) {
  std::uint64_t kept = 0;
  for (unsigned world = 1; world <= 20 && !HasFatalFailure(); ++world) {
    SCOPED_TRACE(world);
    Worlds worlds(world);
    testing::TestTable table = worlds.table(0, true);
    for (std::uint32_t* idle :
         {&table.idle_new_ms, &table.idle_closing_ms, &table.idle_reset_ms, &table.idle_adopted_ms})
      *idle = 300'000;
    begin(1024, table);
    std::array<Connections, kCuts> connections;
    for (unsigned turn = 0; turn < 40 && !HasFatalFailure(); ++turn) {
      answer();
      const std::vector<Sent> sent = worlds.turn(false);
      run(worlds, sent);
      expect_careful_is_same();
      for (const Cut cut : {kBursts, kSingles, kRagged}) {
        connections[cut].expect_kept(sent, results_[cut]);
        ASSERT_EQ(entries(*workers_[kBursts], false), entries(*workers_[cut], false));
        ASSERT_TRUE(std::ranges::equal(page(kBursts).flow_events, page(cut).flow_events));
      }
      advance(worlds.pick(50) * base::kMillisecond);
    }
    kept += connections[kBursts].kept();
    ASSERT_EQ(0U, page(kBursts).flow_events[FL_EVENT_EVICTED_NEW]) << "the table is too small";
  }
  EXPECT_GT(kept, 10'000U);
}

}  // namespace
}  // namespace fairlead::path
