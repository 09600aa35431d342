// SPDX-License-Identifier: BSD-3-Clause
// Which keys differ between two texts.
#include "control/config/key_changes.hh"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using Changes = std::vector<KeyChange>;

constexpr const char* kOld = R"(
fleet: {hash_key: "000102030405060708090a0b0c0d0e0f"}
vips:
  - name: web
    port: 80
    backends:
      - {id: b1, weight: 100}
      - {id: b2, weight: 100}
workers: {cores: [0, 1]}
)";

TEST(KeyChanges, EqualTextsInAnotherOrderDifferInNothing) {
  const auto changes = changed_keys(kOld, R"(
workers: {cores: [0, 1]}
vips:
  - {port: 80, name: web, backends: [{weight: 100, id: b2}, {id: b1, weight: 100}]}
fleet: {hash_key: "000102030405060708090a0b0c0d0e0f"}
)");

  ASSERT_TRUE(changes);
  EXPECT_EQ(*changes, Changes{});
}

TEST(KeyChanges, NameVipsAndBackendsByWhatTheyAreCalledAndHideTheKey) {
  const auto changes = changed_keys(kOld, R"(
fleet: {hash_key: "ff0102030405060708090a0b0c0d0e0f"}
vips:
  - name: web
    port: 80
    backends:
      - {id: b2, weight: 50}
      - {id: b3}
workers: {cores: [0, 2]}
)");

  ASSERT_TRUE(changes);
  EXPECT_EQ(
      *changes,
      (Changes{
          {"fleet.hash_key", "(secret)", "(secret)"},
          {"vips[web].backends[b1].id", "b1", ""},
          {"vips[web].backends[b1].weight", "100", ""},
          {"vips[web].backends[b2].weight", "100", "50"},
          {"vips[web].backends[b3].id", "", "b3"},
          {"workers.cores", "[0, 1]", "[0, 2]"},
      })
  );
}

}  // namespace
}  // namespace fairlead::config
