// SPDX-License-Identifier: BSD-3-Clause
// The packet path never allocates: malloc and its relatives are replaced by counting ones.
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace {
// Armed only around run_pipeline(), by the one thread of this program.
bool armed = false;
unsigned long allocations = 0;
void note_allocation() {
  if (armed) ++allocations;
}
}  // namespace

// glibc's own allocator under its internal names; operator new ends in malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  note_allocation();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  note_allocation();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  note_allocation();
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  note_allocation();
  return __libc_memalign(alignment, bytes);
}
}

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;

testing::TestTable table() {
  testing::TestTable out;
  std::vector<testing::TestMember> members;
  for (unsigned i = 0; i < 20; ++i)
    members.push_back({.address = "10.0.1." + std::to_string(i + 1), .backend = i});
  std::vector<testing::TestMember> members6 = members;
  for (auto& m : members6) m.address = "2001:db8::1";
  out.vips = {
      {.prefix = "203.0.113.20", .choices = 4, .members = members},
      {.prefix = "203.0.113.20",
       .protocol = net::IpProto::kUdp,
       .port = 53,
       .encapsulation = FL_ENCAP_GUE,
       .members = members},
      {.prefix = "2001:db8::10", .encapsulation = FL_ENCAP_GUE, .members = members6},
  };
  out.new_flow_limit = 200'000;
  out.idle_new_ms = out.idle_closing_ms = 250;
  out.idle_confirmed_ms = out.idle_udp_ms = 500;
  return out;
}

Frame any_frame(std::mt19937& random) {
  const auto client = static_cast<std::uint16_t>(1 + random() % 5000);
  const char* const flags[] = {"S", "A", "FA", "R"};
  switch (random() % 10) {
    case 0:
      return packet().ipv4("198.51.100.7", "203.0.113.20").udp(client, 53).payload(4);
    case 1:
      return packet().ipv6("2001:db8::1", "2001:db8::10").extension(0).tcp(client, 80, "S");
    case 2:
      return packet().ipv4("198.51.100.7", "203.0.113.20").ipv4_fragment(1, true).udp(client, 53);
    case 3:
      return packet().ethertype(0x0806).payload(28);
    case 4:
      return packet().ipv4("198.51.100.7", "203.0.113.20").ipv4_fragment(0, true).udp(client, 53);
    case 5:
      return packet()
          .ipv4("192.0.2.9", "203.0.113.20")
          .icmp(3, 3)
          .ipv4("203.0.113.20", "198.51.100.7")
          .udp(53, client);
    default:
      return packet()
          .vlan(7)
          .ipv4("198.51.100.7", "203.0.113.20")
          .tcp(client, 80, flags[random() % 4]);
  }
}

TEST(PacketPath, NeverAllocates) {
  const testing::TestBank bank(table());
  testing::TestWorker worker(1024);
  worker.use(bank.view());
  DecisionSink sink(256);
  worker.context().decisions = &sink;
  std::mt19937 random(5);
  std::vector<std::vector<Frame>> bursts(64);
  for (auto& burst : bursts)
    for (unsigned i = 0; i < kBurstPackets; ++i) burst.push_back(any_frame(random));
  std::vector<std::uint8_t> memory(kBurstPackets * 1024);
  Burst burst;

  for (int round = 0; round < 10'000; ++round) {
    const auto& frames = bursts[static_cast<std::size_t>(round) % bursts.size()];
    burst.count = kBurstPackets;
    for (unsigned i = 0; i < kBurstPackets; ++i) {
      burst.data[i] = memory.data() + i * 1024 + 256;
      std::copy(frames[i].begin(), frames[i].end(), burst.data[i]);
      burst.length[i] = burst.packet_bytes[i] = static_cast<std::uint32_t>(frames[i].size());
      burst.headroom[i] = 256;
    }
    worker.advance(20 * base::kMillisecond);
    armed = true;
    run_pipeline(worker.context(), burst);
    WaitingRoom& waiting = worker.context().fragments->waiting;
    for (const auto cause : {WaitingRoom::Cause::kSettled, WaitingRoom::Cause::kCrowded})
      while (waiting.take(cause, worker.context().now) != WaitingRoom::kNowhere) continue;
    armed = false;
  }

  EXPECT_EQ(0U, allocations);
  EXPECT_GT(worker.page().fragments_first, 1000U);
  EXPECT_GT(worker.page().icmp_errors, 1000U);
  EXPECT_GT(worker.page().flow_inserts, 10'000U);
  EXPECT_GT(worker.page().flow_events[FL_EVENT_EXPIRED_NEW], 0U);
}

TEST(PacketPath, TheHookCountsAllocations) {
  allocations = 0;
  armed = true;
  // Through a volatile pointer, so that the compiler cannot leave the pair out.
  void* volatile memory = ::operator new(16);
  ::operator delete(memory);
  armed = false;

  EXPECT_EQ(1U, allocations);
}

}  // namespace
}  // namespace fairlead::path
