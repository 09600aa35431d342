// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/path/hash_burst.hh"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include "dataplane/steer/flow_hash.h"

namespace fairlead::path {
namespace {

net::FiveTuple any_tuple(std::uint8_t family) {
  net::FiveTuple t;
  t.family = family;
  t.protocol = *rc::gen::element<std::uint8_t>(6, 17);
  t.ports_raw = *rc::gen::arbitrary<std::uint32_t>();
  for (std::uint64_t* word : {&t.source[0], &t.destination[0]})
    *word =
        family == 4 ? *rc::gen::arbitrary<std::uint32_t>() : *rc::gen::arbitrary<std::uint64_t>();
  if (family == 6) {
    t.source[1] = *rc::gen::arbitrary<std::uint64_t>();
    t.destination[1] = *rc::gen::arbitrary<std::uint64_t>();
  }
  return t;
}

std::uint64_t scalar(const std::uint64_t* key, const net::FiveTuple& t) {
  if (t.family == 4) return fl_flow_hash4(key, t.addresses4(), t.ports_raw, t.protocol);
  const std::uint64_t addresses[4] = {t.source[0], t.source[1], t.destination[0], t.destination[1]};
  return fl_flow_hash6(key, addresses, t.ports_raw, t.protocol);
}

template <typename Queue>
void check_burst(std::uint8_t family) {
  const std::uint64_t key[2] = {
      *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint64_t>()};
  const auto count = *rc::gen::inRange<std::size_t>(1, kBurstPackets + 1);
  std::vector<net::FiveTuple> tuples;
  Queue queue;
  for (unsigned i = 0; i < count; ++i) {
    tuples.push_back(any_tuple(family));
    enqueue(queue, tuples.back(), i);
  }
  std::uint64_t result[kBurstPackets];

  hash_words(key, queue.word, queue.used, result);

  for (std::size_t i = 0; i < count; ++i) RC_ASSERT(result[i] == scalar(key, tuples[i]));
}

TEST(HashBurst, EveryLaneEqualsTheScalarHash) {
  EXPECT_TRUE(rc::check("any number of IPv4 tuples", [] { check_burst<HashQueue4>(4); }));
  EXPECT_TRUE(rc::check("any number of IPv6 tuples", [] { check_burst<HashQueue6>(6); }));
}

}  // namespace
}  // namespace fairlead::path
