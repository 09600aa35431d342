// SPDX-License-Identifier: BSD-3-Clause
// Vips and backends by address: which one is meant, and what is refused.
#include "control/spoken_names.hh"

#include <string>

#include <gtest/gtest.h>

#include "control/config/load.hh"

namespace fairlead::control {
namespace {

config::Config shops() {
  const auto config = config::parse_config(
      R"(node: {id: n1, address: 192.0.2.11}
vips:
  - {name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1}]}
  - {name: tls, address: 203.0.113.10, port: 443, backends: [{id: b2, address: 10.0.0.2}]}
  - {name: dns, address: 203.0.113.10, port: 53, protocol: udp,
     backends: [{id: b1, address: 10.0.0.1}, {id: b3, address: 10.0.0.2}]}
  - {name: six, address: '2001:db8::1', port: 53, backends: [{id: b6, address: 'fd00::1'}]}
)",
      "test"
  );
  EXPECT_TRUE(config) << config.error().what;
  return config.value_or(config::Config{});
}

std::string outcome(const base::Result<std::string>& name) {
  return name ? *name : name.error().what;
}

TEST(SpokenNames, AVipIsMeantByItsAddress) {
  const config::Config config = shops();
  for (const auto& [text, name] :
       {std::pair{"web", "web"},
        {"tcp:203.0.113.10:80", "web"},
        {"203.0.113.10:443", "tls"},
        {"203.0.113.10/32:443", "tls"},
        {"udp:203.0.113.10", "dns"},
        {"any:203.0.113.10:53", "dns"},
        {"[2001:db8::1]:53", "six"},
        {"2001:db8::1", "six"},
        {"nobody", "nobody"},  // no address: refused as an unknown name
        {"203.0.113.10:99", "no vip has the address 203.0.113.10:99"},
        {"udp:203.0.113.10:80", "no vip has the address udp:203.0.113.10:80"},
        {"203.0.113.10/24", "no vip has the address 203.0.113.10/24"},
        {"203.0.113.10", "several vips have the address 203.0.113.10, name one: dns, tls, web"}}) {
    EXPECT_EQ(outcome(vip_named(config, text)), name) << text;
  }
}

TEST(SpokenNames, ABackendIsMeantByItsAddress) {
  const config::Config config = shops();
  for (const auto& [text, name] :
       {std::pair{"b1", "b1"},
        {"10.0.0.1", "b1"},
        {"fd00::1", "b6"},
        {"b9", "b9"},
        {"10.0.0.9", "no backend has the address 10.0.0.9"},
        {"10.0.0.2", "several backends have the address 10.0.0.2, name one: b2, b3"}}) {
    EXPECT_EQ(outcome(backend_named(config, text)), name) << text;
  }
}

TEST(SpokenNames, AWorkerThatIsNotThereIsRefused) {
  api::Request request;
  request.command = api::Command::kShowStats;
  request.worker = 7;

  const auto none = with_names(shops(), 0, request);
  const auto two = with_names(shops(), 2, request);

  ASSERT_FALSE(none || two);
  EXPECT_EQ(two.error().code, base::ErrorCode::kNotFound);
  EXPECT_EQ(two.error().what, "no worker 7, they are 0 to 1");
  EXPECT_EQ(none.error().what, "no worker 7, no data plane has run yet");
  EXPECT_TRUE(with_names(shops(), 8, request));
}

}  // namespace
}  // namespace fairlead::control
