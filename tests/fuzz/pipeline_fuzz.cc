// SPDX-License-Identifier: BSD-3-Clause
// Any packets, at any times, through two workers of one process with real tables.
//
// Input: steps of one byte (what: its low three bits) and what they need:
//   0-4  a frame for the next burst: number of a model frame, number of changes (at most 7), each
//        a position and a value; bit 3: the IPv4 checksum is made right, bit 4: worker 1, not 0
//   5    the burst goes
//   6    time passes: units of 10 ms
//   7    a new generation: which of the worlds
// Checked after every burst: the law of counters; frames to send lie in their buffers (sanitizers
// see what is written outside); fragments of a datagram go where its first one went; the same
// steps once more give the same bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "dataplane/base/check.hh"
#include "dataplane/net/checksum.hh"
#include "dataplane/path/fragment_table.hh"
#include "tests/packet/packet_case.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::fuzz {
namespace {

using namespace packet_table;
using testing::Frame;
using testing::packet;
using testing::Result;
using testing::TestWorker;

constexpr std::size_t kLongestInput = 1024;
constexpr std::size_t kBurst = 8;
constexpr std::uint32_t kBufferBytes = 240;  // so that some frames can be moved back, some not
constexpr base::Nanoseconds kBegin = 1000 * base::kSecond;

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  std::uint8_t next() { return empty() ? std::uint8_t{0} : *at_++; }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

std::vector<Frame> fragment_models() {
  std::vector<Frame> out;
  for (const std::uint16_t id : std::initializer_list<std::uint16_t>{7, 8}) {
    const auto begin = [&] { return packet().ipv4(kClient4, kPairUdp).id(id); };
    out.push_back(begin().ipv4_fragment(0, true).udp(40000, 53).udp_length(48).payload(8));
    out.push_back(begin().protocol(17).ipv4_fragment(2, true).payload(16));
    out.push_back(begin().protocol(17).ipv4_fragment(4, false).payload(8));
  }
  out.push_back(packet().ipv4(kClient4, kPair).ipv4_fragment(0, true).tcp(40000, 80, "A").payload(4)
  );
  out.push_back(packet().ipv4(kClient4, kPair).protocol(6).ipv4_fragment(3, false).payload(4));
  for (const char* vip : {kIpip6, kGue6}) {
    out.push_back(
        packet().ipv6(kClient6, vip).ipv6_fragment(0, true).udp(40000, 53).udp_length(48).payload(8)
    );
    out.push_back(packet().ipv6(kClient6, vip).ipv6_fragment(2, false, 17).payload(9));
  }
  return out;
}

std::vector<Frame> other_models() {
  const std::vector<std::uint8_t> short_id = {0x40, 0x13, 0xa0, 0x02, 1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<std::uint8_t> long_id = {0xc0, 0, 0, 0, 1, 8, 0xb3, 10, 0, 0, 1, 1, 2, 3};
  return {
      packet().ipv4(kClient4, kPair).tcp(40000, 80, "S"),
      packet().ipv4(kClient4, kPair).tcp(40000, 80, "A").payload(5),
      packet().ipv4(kClient4, kPair).tcp(40000, 80, "FA"),
      packet().ipv4(kClient4, kPair).tcp(40000, 80, "R"),
      packet().ipv4(kClient4, kPairUdp).udp(40000, 53).payload(9),
      packet().vlan(5, 0x88a8).vlan(6).ipv4(kClient4, kGue4).options(8).udp(40000, 53).payload(3),
      packet().ipv6(kClient6, kIpip6).tcp(40000, 80, "S"),
      packet().ipv6(kClient6, kIpip6to4).extension(0).extension(51, 16).tcp(40000, 80, "A"),
      packet().ipv6(kClient6, kL2v6).tcp(40000, 80, "S").pad_to(90),
      packet().ipv4(kClient4, kL2v4).udp(40000, 53).payload(2).pad_to(60),
      packet().ipv4("192.0.2.9", kPair).icmp(3, 4, 1400).ipv4(kPair, kClient4).tcp(80, 40000, "A"),
      packet()
          .ipv4("192.0.2.9", kPairUdp)
          .icmp(3, 3, 0, 28)
          .ipv4(kPairUdp, kClient4)
          .udp(53, 40000),
      packet()
          .ipv6("2001:db8::9", kIpip6)
          .icmp(2, 0, 1280)
          .ipv6(kIpip6, kClient6)
          .extension(0)
          .tcp(80, 40000, "A"),
      packet().ipv4(kClient4, kPair).icmp(8, 0).payload(16),
      packet().ipv4(kClient4, kQuic4).udp(40000, 443).bytes(short_id),
      packet().ipv4("198.51.100.9", kQuic4).udp(41000, 443).bytes(short_id),
      packet().ipv4(kClient4, kQuic4).udp(40000, 443).bytes(long_id),
      packet().ethertype(0x0806).payload(28),
      packet().ipv4(kClient4, kGueMany).tcp(40751, 80, "A"),
      packet().ipv4(kClient4, kGueMany6).tcp(45671, 80, "A").payload(20),
  };
}

const std::vector<Frame>& models() {
  static const std::vector<Frame> all = [] {
    std::vector<Frame> out = fragment_models();
    for (const Frame& frame : other_models()) out.push_back(frame);
    return out;
  }();
  return all;
}

const testing::TestBank& bank(unsigned number) {
  static const std::array<testing::TestBank, 5> banks = {
      testing::TestBank(world_table({})),
      testing::TestBank(world_table({.pair_slots = {1}})),
      testing::TestBank(
          world_table({.first = FL_MEMBER_DOWN, .pair_slots = {0, 1}, .pair_choices = 2})
      ),
      testing::TestBank(world_table(
          {.second = FL_MEMBER_DRAINING,
           .pair_slots = {1, 0},
           .pair_choices = 2,
           .new_flow_limit = 100}
      )),
      testing::TestBank(world_table({.pair_slots = {1, 0}, .udp_stateless = true})),
  };
  return banks[number % banks.size()];
}

void repair_checksum(Frame& frame) {
  std::size_t at = 14;
  while (frame.size() >= at + 4 && (frame[at - 2] == 0x81 || frame[at - 2] == 0x88)) at += 4;
  if (frame.size() < at + 20 || frame[at] >> 4 != 4) return;
  const std::size_t header = (frame[at] & 15U) * 4U;
  if (header < 20 || frame.size() < at + header) return;
  frame[at + 10] = frame[at + 11] = 0;
  const std::uint16_t sum = net::ipv4_checksum(frame.data() + at, static_cast<unsigned>(header));
  std::memcpy(frame.data() + at + 10, &sum, sizeof sum);
}

/// What of a frame matters here: whether it is a fragment, and of which datagram.
struct Part {
  std::uint64_t datagram = 0;  // 0: no fragment
  bool first = false;
};
Part part_of(const Frame& frame) {
  net::ParsedPacket parsed;
  const auto bytes = static_cast<std::uint32_t>(frame.size());
  if (net::parse_packet({frame.data(), frame.size()}, bytes, parsed) != FL_REASON_NONE) return {};
  const bool first = parsed.kind == net::PacketKind::kFirstFragment;
  if (!first && parsed.kind != net::PacketKind::kLaterFragment) return {};
  return {path::datagram_hash(testing::kTestKey, parsed), first};
}

/// Frames for one worker.
struct Frames {
  std::vector<Frame> frame;
  std::vector<Part> part;
  void add(Frame next) {
    part.push_back(part_of(next));
    frame.push_back(std::move(next));
  }
  void clear() {
    frame.clear();
    part.clear();
  }
};

/// Where the datagrams go, by what the workers answer. A hostile sender may send several first
/// fragments of one name: then the others may follow any of them.
class Datagrams {
 public:
  void check(const Part& in, const Result& result) {
    std::set<std::uint32_t>& members = went_to_[in.datagram];
    if (result.member == FL_NO_MEMBER || result.verdict == steer::Verdict::kWait) return;
    if (in.first) members.insert(result.member);
    FL_CHECK(members.count(result.member) != 0);
  }
  /// Makes a worker's table as good as new: an entry that old counts for nothing, and gives way
  /// before any other. (A new table would be 128 KiB to clear for every input.)
  void forget_in(path::FragmentTable& table) const {
    for (const auto& [datagram, members] : went_to_)
      table.record(datagram, {}, kBegin - 10 * path::FragmentTable::kLife);
  }
  void clear() { went_to_.clear(); }

 private:
  std::map<std::uint64_t, std::set<std::uint32_t>> went_to_;  // of all that have come
};

/// Two workers that know of each other.
class Process {
 public:
  Process() {
    for (unsigned w = 0; w < 2; ++w) {
      path::WorkerContext& context = worker_[w].context();
      context.worker = w;
      context.peers = &peers_;
      tables_.push_back(context.flows);
      peers_.set(w, &context.fragments->table);
    }
    for (TestWorker& worker : worker_) worker.context().relatives.tables = tables_;
  }
  /// As new: only what the last input used is cleared. (Making its memory anew for every input
  /// would take most of the time.) Requires: nobody waits any more.
  void reset() {
    for (TestWorker& worker : worker_) {
      path::WorkerContext& context = worker.context();
      FL_CHECK(context.fragments->waiting.empty());
      datagrams_.forget_in(context.fragments->table);
      context.fragments->looked_ns = 0;
      context.flows.erase_if(0, context.flows.bucket_count(), [](auto, auto) { return true; });
      path::WorkerContext fresh;
      fresh.flows = tables_[context.worker];  // as attached: its expiry hand is where it began
      fresh.page = context.page;
      fresh.worker = context.worker;
      fresh.now = kBegin;
      fresh.hops = context.hops;
      fresh.buffer_bytes = kBufferBytes;
      fresh.fragments = context.fragments;
      fresh.peers = context.peers;
      fresh.relatives.tables = tables_;
      fresh.counted = true;  // nothing is in flight: the counters are cleared below
      context = fresh;
      // Of vips and backends the worlds have fewer than these.
      fl_worker_page& page = *context.page;
      std::memset(&page, 0, offsetof(fl_worker_page, vips));
      std::fill_n(page.vips, 64, fl_vip_counters{});
      std::fill_n(page.backends, 64, fl_backend_counters{});
    }
    peers_.note_fragment_flow(0);
    datagrams_.clear();
    digest_ = 0;
    use(0);
  }
  void use(unsigned world) {
    for (TestWorker& worker : worker_) worker.use(bank(world).view());
  }
  void advance(base::Nanoseconds by) {
    for (TestWorker& worker : worker_) {
      worker.advance(by);
      worker.idle();
      FL_CHECK(worker.unaccounted() == 0);
      for (const Result& result : worker.released()) note(result);
    }
  }
  void run(unsigned w, const Frames& frames) {
    const std::vector<Result> results = worker_[w].run(frames.frame);
    FL_CHECK(worker_[w].unaccounted() == 0);
    // Of a burst first fragments are placed first.
    for (const bool first : {true, false})
      for (std::size_t i = 0; i < results.size(); ++i)
        if (const Part& part = frames.part[i]; part.datagram != 0 && part.first == first)
          datagrams_.check(part, results[i]);
    for (const Result& result : results) note(result);
    for (const Result& result : worker_[w].released()) note(result);
  }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  void mix(std::uint64_t value) {
    digest_ = (digest_ ^ value) * 0x9e3779b97f4a7c15ULL;
    digest_ ^= digest_ >> 29;
  }
  void note(const Result& result) {
    mix(static_cast<std::uint64_t>(result.verdict));
    mix(result.reason);
    mix(result.member);
    for (const std::uint8_t byte : result.out) mix(byte);
  }

  path::Peers peers_;
  std::vector<flow::FlowTable> tables_;
  TestWorker worker_[2];
  Datagrams datagrams_;
  std::uint64_t digest_ = 0;
};

Frame next_frame(Bytes& input, bool repair) {
  Frame frame = models()[input.next() % models().size()];
  for (unsigned changes = input.next() % 8; changes > 0; --changes) {
    const std::size_t position = input.next() % frame.size();
    frame[position] = input.next();
  }
  if (repair) repair_checksum(frame);
  return frame;
}

std::uint64_t run_once(Process& process, Bytes input) {
  process.reset();
  Frames burst[2];
  const auto flush = [&] {
    for (unsigned w = 0; w < 2; ++w) {
      if (!burst[w].frame.empty()) process.run(w, burst[w]);
      burst[w].clear();
    }
  };
  while (!input.empty()) {
    const unsigned step = input.next();
    const unsigned worker = step >> 4 & 1U;
    switch (step & 7U) {
      case 5:
        flush();
        break;
      case 6:
        flush();
        process.advance(input.next() * 10 * base::kMillisecond);
        break;
      case 7:
        flush();
        process.use(input.next());
        break;
      default:
        burst[worker].add(next_frame(input, (step & 8U) != 0));
        if (burst[worker].frame.size() == kBurst) flush();
    }
  }
  flush();
  process.advance(base::kSecond);
  return process.digest();
}

}  // namespace
}  // namespace fairlead::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead::fuzz;
  if (size > kLongestInput) return 0;
  static Process process;
  static Process twin;
  const std::uint64_t digest = run_once(process, {data, size});
  // One in eight, for speed.
  if (size != 0 && (data[size - 1] & 7U) == 0) FL_CHECK(run_once(twin, {data, size}) == digest);
  return 0;
}
