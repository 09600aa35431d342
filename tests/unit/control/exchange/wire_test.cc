// SPDX-License-Identifier: BSD-3-Clause
// What goes out comes in, and nothing else does.
#include "control/exchange/wire.hh"

#include <cstring>

#include <gtest/gtest.h>

#include "control/exchange/endpoint.hh"

namespace fairlead::exchange {
namespace {

const Key kKey({1, 2});

Datagram counts(std::size_t values) {
  Datagram d;
  d.kind = Kind::kCounts;
  d.wants_answer = true;
  d.first = 640;
  d.total = 2000;
  d.node = kKey.identity("lb1");
  d.list = 77;
  d.sequence = 5;
  for (std::size_t i = 0; i < values; ++i) d.values.push_back(static_cast<std::uint32_t>(i));
  return d;
}

std::vector<std::byte> bytes_of(const Datagram& d, const Key& key = kKey) {
  std::vector<std::byte> out;
  encode(d, key, out);
  return out;
}

TEST(ExchangeWire, CountsArriveAsTheyWereSent) {
  const auto bytes = bytes_of(counts(kMostValues));

  EXPECT_LE(bytes.size(), 1500U - 48U);
  const auto d = decode(bytes, kKey, true);

  ASSERT_TRUE(d);
  EXPECT_TRUE(d->wants_answer);
  EXPECT_EQ(d->first, 640);
  EXPECT_EQ(d->total, 2000);
  EXPECT_EQ(d->node, kKey.identity("lb1"));
  EXPECT_EQ(d->list, 77U);
  EXPECT_EQ(d->sequence, 5U);
  EXPECT_EQ(d->values, counts(kMostValues).values);
}

TEST(ExchangeWire, NamesArriveAsTheyWereSent) {
  Datagram d = counts(0);
  d.kind = Kind::kNames;
  d.first = 0;
  d.names = {1, UINT64_MAX, 3};
  const auto back = decode(bytes_of(d), kKey, true);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->names, d.names);
}

TEST(ExchangeWire, NoByteCanBeChangedAndNoneLeftOut) {
  const auto good = bytes_of(counts(3));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= std::byte{0x10};
    EXPECT_FALSE(decode(bad, kKey, true)) << "byte " << i;
    EXPECT_FALSE(decode(std::span(good).first(i), kKey, true)) << "cut at " << i;
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode(longer, kKey, true));
}

TEST(ExchangeWire, AnotherFleetsAndTheOtherDirectionsDatagramsAreRefused) {
  EXPECT_FALSE(decode(bytes_of(counts(3), Key({1, 3})), kKey, true));
  EXPECT_FALSE(decode(bytes_of(counts(3)), kKey, false));
  Datagram sum = counts(3);
  sum.kind = Kind::kSum;
  EXPECT_FALSE(decode(bytes_of(sum), kKey, true));
  EXPECT_TRUE(decode(bytes_of(sum), kKey, false));
}

TEST(ExchangeWire, ListsThatDoNotFitAreRefused) {
  Datagram d = counts(3);
  d.first = 1998;
  EXPECT_FALSE(decode(bytes_of(d), kKey, true));
  d = counts(3);
  d.total = kMostBackends + 1;
  EXPECT_FALSE(decode(bytes_of(d), kKey, true));
  EXPECT_FALSE(decode(bytes_of(counts(0)), kKey, true));
}

TEST(ExchangeWire, CountsAreExactToTwelveBitsAndNeverTooLargeAbove) {
  for (std::uint32_t n = 0; n < 4096; ++n) ASSERT_EQ(unpacked(packed(n)), n);
  for (std::uint32_t n = 4096; n < (4095U << 15); n += n / 97) {
    const std::uint32_t back = unpacked(packed(n));
    ASSERT_LE(back, n);
    ASSERT_GE(back + back / 2048 + 1, n);
  }
  EXPECT_EQ(unpacked(packed(UINT32_MAX)), 4095U << 15);
}

// The vector of the paper's appendix A: key and message 00 01 02 ...
TEST(ExchangeWire, AuthenticationIsSipHash24) {
  std::array<std::byte, 16> key{};
  std::array<std::byte, 15> message{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i);
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), key.data(), key.size());
  EXPECT_EQ(siphash24(words, message), 0xa129ca6149be45e5ULL);
}

TEST(ExchangeEndpoint, TakesAddressesOfBothFamiliesAndNothingElse) {
  EXPECT_TRUE(Endpoint::parse("127.0.0.1:9300"));
  EXPECT_EQ(Endpoint::parse("[::1]:9300")->address.ss_family, AF_INET6);
  for (const char* bad :
       {"127.0.0.1",
        "127.0.0.1:",
        "::1:9300",
        "[127.0.0.1]:1",
        "a:1",
        "127.0.0.1:65536",
        "127.0.0.1:1x"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace fairlead::exchange
