// SPDX-License-Identifier: BSD-3-Clause
// What workers note for captures and traces, which packets are meant, and the file's bytes.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "dataplane/capture_filter.hh"
#include "dataplane/pcapng_file.hh"
#include "tests/unit/dataplane/process/worker_on_rings.hh"

namespace fairlead::dataplane {
namespace {

testing::Frame expired() {
  return testing::packet().ipv4("198.51.100.1", "203.0.113.10").ttl(1).tcp(1024, 80, "S").build();
}

testing::Frame arp() {
  return testing::packet().ethertype(0x0806).payload(46).build();
}

testing::Frame other() {
  return testing::packet().ipv4("198.51.100.1", "192.0.2.1").udp(5, 6).build();
}

std::vector<Note> notes_of(CaptureOrder& order) {
  std::vector<Note> notes;
  while (const Note* note = order.ring.front()) {
    notes.push_back(*note);
    order.ring.pop();
  }
  return notes;
}

CaptureOrder& order_of(CaptureOrder& order, const std::string& filter, unsigned seen) {
  order.filter = CaptureFilter::parse(filter).value();
  order.seen = seen;
  return order;
}

TEST(Capture, NotesPacketsAsTheyCameAsTheyLeftAndWhyTheyDidNot) {
  Bench bench;
  CaptureOrder order;
  order_of(order, "tcp dport 80", kSeenRx | kSeenTx | kSeenDrop);
  ASSERT_TRUE(bench.worker().capture().offer(&order));

  bench.receive(syn(1));
  bench.receive(other());
  bench.receive(expired());
  bench.start();
  bench.stop();

  const std::vector<Note> notes = notes_of(order);
  ASSERT_EQ(notes.size(), 4U);
  EXPECT_EQ(notes[0].seen, kSeenRx);
  EXPECT_EQ(testing::Frame(notes[0].frame.data(), notes[0].frame.data() + notes[0].kept), syn(1));
  EXPECT_EQ(notes[1].seen, kSeenRx);
  EXPECT_EQ(notes[2].seen, kSeenDrop);
  EXPECT_EQ(notes[2].reason, FL_REASON_TTL_EXPIRED);
  EXPECT_EQ(notes[3].seen, kSeenTx);
  EXPECT_EQ(notes[3].bytes, syn(1).size() + 20);
  EXPECT_EQ(notes[3].frame[23], 4) << "IPIP";
}

TEST(Capture, NotesWhatTheRingsRefuse) {
  Bench bench(16);
  CaptureOrder order;
  order_of(order, "", kSeenDrop);
  ASSERT_TRUE(bench.worker().capture().offer(&order));

  for (unsigned i = 0; i < 20; ++i) bench.receive(syn(i));
  bench.receive(arp());
  bench.start();
  bench.stop();

  unsigned full = 0;
  unsigned no_punt = 0;
  for (const Note& note : notes_of(order)) {
    full += note.reason == FL_REASON_TX_FULL ? 1 : 0;
    no_punt += note.reason == FL_REASON_NO_PUNT ? 1 : 0;
  }
  EXPECT_EQ(full, 5U);
  EXPECT_EQ(no_punt, 1U);
}

TEST(Capture, AFullRingSkipsAndCountsAndForwardsAllTheSame) {
  Bench bench;
  CaptureOrder order;
  order_of(order, "", kSeenRx);
  ASSERT_TRUE(bench.worker().capture().offer(&order));

  for (unsigned i = 0; i < 600; ++i) bench.receive(syn(i));
  bench.start();
  bench.stop();

  EXPECT_EQ(bench.page().tx_packets, 600U);
  EXPECT_EQ(notes_of(order).size() + order.ring.skipped(), 600U);
  EXPECT_GT(order.ring.skipped(), 0U);
}

TEST(Capture, EveryBurstOfATurnHasItsOwnPackets) {
  Bench bench;
  CaptureOrder order;
  order_of(order, "tcp", kSeenPath | kSeenTx);
  ASSERT_TRUE(bench.worker().capture().offer(&order));

  for (unsigned i = 0; i < 100; ++i) bench.receive(i % 7 < 3 ? syn(i) : other());
  bench.start();
  bench.stop();

  std::vector<unsigned> decided;
  std::vector<unsigned> sent;
  for (const Note& note : notes_of(order)) {
    if (note.seen == kSeenPath) decided.push_back(note.path.tuple.source_port() - 1024U);
    if (note.seen == kSeenTx) sent.push_back(note.frame[54] * 256U + note.frame[55] - 1024U);
  }
  std::vector<unsigned> meant;
  for (unsigned i = 0; i < 100; ++i) {
    if (i % 7 < 3) meant.push_back(i);
  }
  EXPECT_EQ(decided, meant);
  EXPECT_EQ(sent, meant);
}

TEST(Capture, AWorkerStopsAtTheLimitAndCountsNothingAsSkipped) {
  Bench bench;
  CaptureOrder order;
  order_of(order, "", kSeenRx);
  order.left = 7;
  ASSERT_TRUE(bench.worker().capture().offer(&order));

  for (unsigned i = 0; i < 600; ++i) bench.receive(syn(i));
  bench.start();
  bench.stop();

  EXPECT_EQ(notes_of(order).size(), 7U);
  EXPECT_EQ(order.ring.skipped(), 0U);
}

TEST(Capture, ATraceTellsHowTheStagesDecided) {
  Bench bench;
  CaptureOrder order;
  order_of(order, "dst 203.0.113.10", kSeenPath);
  ASSERT_TRUE(bench.worker().capture().offer(&order));

  bench.receive(syn(1));
  bench.start();
  bench.stop();
  bench.receive(syn(1));
  bench.receive(expired());
  bench.worker().rearm();
  bench.start();
  bench.stop();

  const std::vector<Note> notes = notes_of(order);
  ASSERT_EQ(notes.size(), 3U);
  const SeenPath& first = notes[0].path;
  EXPECT_EQ(first.verdict, steer::Verdict::kForward);
  EXPECT_FALSE(first.known);
  EXPECT_NE(first.member, FL_NO_MEMBER);
  ASSERT_GE(first.candidate_count, 1U);
  bool among = false;
  for (unsigned c = 0; c < first.candidate_count; ++c)
    among = among || first.candidates[c].backend == first.backend;
  EXPECT_TRUE(among);
  EXPECT_EQ(notes[0].bytes, syn(1).size());
  EXPECT_EQ(first.out_bytes, syn(1).size() + 20);
  EXPECT_EQ(notes[1].path.backend, first.backend);
  EXPECT_EQ(notes[2].path.verdict, steer::Verdict::kDrop);
  EXPECT_EQ(notes[2].reason, FL_REASON_TTL_EXPIRED);
}

TEST(CaptureFilter, EveryWordMustHold) {
  const auto tuple = net::make_tuple(
      net::IpProto::kTcp,
      net::IpAddr::v4(198, 51, 100, 7),
      40000,
      net::IpAddr::v4(203, 0, 113, 10),
      80
  );
  for (const char* const good :
       {"",
        "tcp",
        "src 198.51.100.0/24",
        "dst 203.0.113.10 dport 80",
        "host 203.0.113.0/24 port 40000",
        "tcp sport 40000 dport 80"})
    EXPECT_TRUE(CaptureFilter::parse(good)->matches(tuple)) << good;
  for (const char* const other :
       {"udp",
        "icmp",
        "src 203.0.113.10",
        "dst 2001:db8::/32",
        "host 192.0.2.1",
        "dport 40000",
        "port 81",
        "tcp src 198.51.100.7 dport 443"})
    EXPECT_FALSE(CaptureFilter::parse(other)->matches(tuple)) << other;
  EXPECT_FALSE(CaptureFilter::parse("tcp")->matches(net::FiveTuple{}));
}

TEST(CaptureFilter, SaysWhichWordIsWrong) {
  const auto refusal = [](const char* text) { return CaptureFilter::parse(text).error().what; };

  EXPECT_EQ(
      refusal("tpc"),
      "match: unknown word 'tpc', known: tcp, udp, icmp, src, dst, host, sport, dport, port"
  );
  EXPECT_EQ(refusal("tcp udp"), "match: two protocols, no packet has both");
  EXPECT_EQ(refusal("dport 65536"), "match: dport '65536' is not 0 to 65535");
  EXPECT_EQ(refusal("dport"), "match: dport '' is not 0 to 65535");
  EXPECT_EQ(
      refusal("src b1"),
      "match: src 'b1' is no address or prefix, write 203.0.113.10 or 2001:db8::/32"
  );
}

TEST(Pcapng, BlocksAreWhatTheFormatSays) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("fl_capture_" + std::to_string(::getpid()) + ".pcapng");
  auto writer = PcapngWriter::create(path.string()).value();
  writer.add_interface("net_tap0");
  const std::uint8_t frame[] = {1, 2, 3, 4, 5};
  writer.add({0, 0x0102030405060708ULL, 60, frame, PcapngDirection::kOutbound, "why"});
  ASSERT_TRUE(writer.commit());
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const std::string bytes = text.str();
  std::filesystem::remove(path);

  std::vector<std::uint32_t> types;
  for (std::size_t at = 0; at + 12 <= bytes.size();) {
    std::uint32_t head[2];
    std::uint32_t tail = 0;
    std::memcpy(head, &bytes[at], sizeof head);
    ASSERT_LE(at + head[1], bytes.size());
    ASSERT_EQ(head[1] % 4, 0U);
    std::memcpy(&tail, &bytes[at + head[1] - 4], sizeof tail);
    EXPECT_EQ(tail, head[1]);
    types.push_back(head[0]);
    at += head[1];
  }
  EXPECT_EQ(types, (std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6}));
  EXPECT_NE(bytes.find("net_tap0"), std::string::npos);
  EXPECT_NE(bytes.find("why"), std::string::npos);
}

}  // namespace
}  // namespace fairlead::dataplane
