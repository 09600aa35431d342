// SPDX-License-Identifier: BSD-3-Clause
// The digest of tables, which nodes of all releases compare: the text of docs/steering.md,
// section 5.
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "control/steering/pool_table.hh"
#include "control/steering/steering.hh"

namespace fairlead::steering {
namespace {

TEST(Digest, IsThatOfTheTextOfTheDocumentAlsoWhenNumbersAloneChange) {
  PoolIntent web;
  web.vip.name = "web";
  web.vip.prefix = {net::IpAddr::v4(203, 0, 113, 10), 32};
  web.vip.port = 80;
  web.vip.table_size = 1021;
  for (const std::uint8_t number : std::initializer_list<std::uint8_t>{2, 1}) {
    model::Backend b;
    b.id = "b" + std::to_string(number);
    b.address = net::IpAddr::v4(10, 0, 0, number);
    web.vip.backends.push_back(b);
    web.backends.push_back({100, 0, FL_MEMBER_ACTIVE});
  }
  web.edition = 1;
  const auto text = [](const Plan& plan, const std::string& b1, const std::string& b2) {
    return "web\n203.0.113.10\n6\n80\n1\n3\n0\nb1\n10.0.0.1\n" + b1 + "b2\n10.0.0.2\n" + b2 +
           "1021\n" + std::to_string(plan.tables[0]->meaning) + "\n";
  };
  Steering steering;

  const Plan first = steering.plan({web}, {}, 0).value();
  steering.commit(first);
  web.backends[0].weight = 7;
  web.backends[1].state = FL_MEMBER_DOWN;
  const Plan second = steering.plan({web}, {}, 0).value();

  EXPECT_EQ(first.digest, keyed_hash({}, text(first, "1\n100\n", "1\n100\n")));
  EXPECT_EQ(second.digest, keyed_hash({}, text(second, "3\n0\n", "1\n7\n")));
}

}  // namespace
}  // namespace fairlead::steering
