// SPDX-License-Identifier: BSD-3-Clause
// Good configurations: the contract's example, the sample file, defaults.
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "control/config/config.hh"
#include "control/model/quic.hh"

namespace fairlead::config {
namespace {

using model::Encapsulation;
using net::IpAddr;

// The stable keys: scripts outside the project write configurations like this one.
constexpr const char* kContract = R"(
node: {id: lb1, address: 192.0.2.11, address6: "2001:db8::11"}
ports:
  - {device: "net_af_xdp0,iface=eth0", gateway_mac: "02:00:00:00:00:01"}
vips:
  - name: web
    address: 203.0.113.10
    protocol: tcp
    port: 80
    encapsulation: ipip
    choices: 2
    backends:
      - {id: b1, address: 10.0.0.1, weight: 100, capacity: 64}
health: {interval: 500ms, timeout: 300ms, rise: 2, fall: 2}
monitoring: {interval: 1s}
policy: {name: adaptive}
simulation:
  nodes: 5
  backends: {count: 100, cores: 4, concurrency: 64}
  service: {distribution: lognormal, mean: 20ms, sigma: 1}
  load: 0.85
  duration: 60s
  seed: 1
)";

TEST(Load, ReadsQuicConfigurationsAndServerIds) {
  const auto c = parse_config(
      "vips:\n"
      "  - name: h3\n"
      "    address: 203.0.113.10\n"
      "    protocol: udp\n"
      "    port: 443\n"
      "    quic:\n"
      "      - {config: 0, server_id_bytes: 2}\n"
      "      - {config: 3, server_id_bytes: 4}\n"
      "    backends:\n"
      "      - {id: b1, address: 10.0.0.1, server_id: A001}\n"
      "      - {id: b2, address: 10.0.0.2}\n",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  const model::Vip& vip = c->vips.at(0);
  EXPECT_EQ(vip.quic, (std::vector<model::QuicConfig>{{0, 2}, {3, 4}}));
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_EQ(model::server_id(vip.backends[0], 2), (Bytes{0xa0, 0x01}));
  EXPECT_EQ(model::server_id(vip.backends[0], 4), (Bytes{10, 0, 0, 1}));
  EXPECT_EQ(model::server_id(vip.backends[1], 2), (Bytes{0, 2}));
  EXPECT_EQ(model::server_id(vip.backends[1], 6), (Bytes{0, 0, 10, 0, 0, 2}));
}

TEST(Load, ContractExampleWorksAsWritten) {
  const auto c = parse_config(kContract, "c.yaml");

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->node.address, IpAddr::parse("192.0.2.11"));
  EXPECT_EQ(c->runtime_dir, "/run/fairlead/lb1");
  EXPECT_EQ(c->interface, "eth0");
  EXPECT_EQ(c->ports.at(0).gateway_mac->to_string(), "02:00:00:00:00:01");
  const model::Vip& vip = c->vips.at(0);
  EXPECT_EQ(c->ports.at(0).checksums, model::Checksums::kSoftware);
  EXPECT_EQ(vip.name, "web");
  EXPECT_EQ(vip.port, 80);
  EXPECT_EQ(vip.encapsulation, Encapsulation::kIpip);
  EXPECT_EQ(vip.health.interval_ms, 500U);
  EXPECT_EQ(vip.health.kind, model::ProbeKind::kTcp);
  EXPECT_EQ(vip.backends.at(0).capacity, 64U);
  EXPECT_EQ(c->policy, model::PolicyName::kAdaptive);
  EXPECT_TRUE(c->has_simulation);
  EXPECT_EQ(c->simulation.service_mean, 20 * base::kMillisecond);
  EXPECT_TRUE(c->warnings.empty());
}

TEST(Load, APortsMtuIsItsDevicesUnlessItIsSaid) {
  const auto text = [](const char* mtu) {
    return std::string("node: {address: 192.0.2.11}\nports: [{device: net_tap0") + mtu +
           "}]\nvips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: "
           "10.0.0.1}]}]\n";
  };
  EXPECT_EQ(parse_config(text(""), "c.yaml")->ports.at(0).mtu, 0U);
  EXPECT_EQ(parse_config(text(", mtu: 1400"), "c.yaml")->ports.at(0).mtu, 1400U);
}

TEST(Load, SampleFileIsCompleteAndEqualsTheDefaults) {
  const char* folder = std::getenv("FAIRLEAD_SAMPLES");
  ASSERT_NE(folder, nullptr);

  auto c = load_config(std::string(folder) + "/fairlead.yaml");

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->simulation.events.size(), 1U);
  c->simulation.events.clear();
  Workers one_worker;
  one_worker.cores = {0};
  EXPECT_EQ(c->workers, one_worker);
  EXPECT_EQ(c->memory, Memory{});
  EXPECT_EQ(c->flows, Flows{});
  EXPECT_EQ(c->outgoing, model::Outgoing{});
  EXPECT_EQ(c->monitoring, Monitoring{});
  EXPECT_EQ(c->simulation, Simulation{});
  EXPECT_EQ(c->metrics_listen, "127.0.0.1:9101");
  EXPECT_EQ(c->decision_log, "/run/fairlead/lb1/decisions.csv");
  EXPECT_TRUE(c->fleet.hash_key_is_default);
  EXPECT_TRUE(c->warnings.empty());
}

TEST(Load, ShortestFileGetsDefaults) {
  const auto c = parse_config(
      "vips: [{name: w, address: 203.0.113.1, port: 80, backends: [{id: b, address: 10.0.0.1}]}]",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->node.id, "lb1");
  EXPECT_EQ(c->interface, "");
  EXPECT_EQ(c->vips[0].choices, 3);
  EXPECT_EQ(c->vips[0].table_size, 0U);
  EXPECT_EQ(c->vips[0].backends[0].weight, 100U);
  EXPECT_EQ(c->workers.cores, std::vector<std::uint32_t>{0});
}

TEST(Load, ABankThatNobodySizedHasRoomForTheVips) {
  const auto bank_of = [](const std::string& memory, const std::string& slots) {
    std::string text = memory + "vips:\n";
    for (int vip = 1; vip <= 100; ++vip)
      text += "  - {name: v" + std::to_string(vip) + ", address: 203.0.113." + std::to_string(vip) +
              ", port: 80, " + slots + "backends: [{id: b1, address: 10.0.0.1}]}\n";
    return parse_config(text, "c.yaml").value().memory.steering_bank;
  };

  EXPECT_EQ(bank_of("", ""), 16ULL << 20);
  EXPECT_EQ(bank_of("", "table_size: 65537, "), 32ULL << 20);  // 26 MB
  EXPECT_EQ(bank_of("", "table_size: 1048583, "), 512ULL << 20);
  EXPECT_EQ(bank_of("memory: {steering_bank: 1MiB}\n", "table_size: 65537, "), 1ULL << 20);
}

TEST(Load, UdpVipsMayBeStateless) {
  const std::string rest = ", backends: [{id: b, address: 10.0.0.1}]}]";
  const std::string udp = "vips: [{name: w, address: 203.0.113.1, protocol: udp, port: 53";
  const auto stateless = parse_config(udp + ", udp: stateless" + rest, "c.yaml");
  const auto tracked = parse_config(udp + ", udp: tracked" + rest, "c.yaml");

  ASSERT_TRUE(stateless && tracked);
  EXPECT_TRUE(stateless->vips[0].stateless);
  EXPECT_FALSE(tracked->vips[0].stateless);
}

TEST(Load, VipHealthInheritsTheGlobalOne) {
  const auto c = parse_config(
      "health: {interval: 2s, rise: 5}\n"
      "vips:\n"
      "  - {name: a, address: 203.0.113.1, port: 80, health: {type: http, path: /h},\n"
      "     backends: [{id: b, address: 10.0.0.1}]}\n"
      "  - {name: b, address: 203.0.113.1, port: 81, backends: [{id: b, address: 10.0.0.1}]}\n",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->vips[0].health.interval_ms, 2000U);
  EXPECT_EQ(c->vips[0].health.rise, 5U);
  EXPECT_EQ(c->vips[0].health.kind, model::ProbeKind::kHttp);
  EXPECT_EQ(c->vips[0].health.talk.path, "/h");
  EXPECT_EQ(c->vips[1].health.kind, model::ProbeKind::kTcp);
}

TEST(Load, UdpVipIsProbedOnlyOnRequest) {
  const auto c = parse_config(
      "vips:\n"
      "  - {name: a, address: 203.0.113.1, protocol: udp, port: 53,\n"
      "     backends: [{id: b, address: 10.0.0.1}]}\n"
      "  - {name: b, address: 203.0.113.1, protocol: udp, port: 54, health: {type: tcp},\n"
      "     backends: [{id: b, address: 10.0.0.1}]}\n",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->vips[0].health.kind, model::ProbeKind::kHost);
  EXPECT_EQ(c->vips[1].health.kind, model::ProbeKind::kTcp);
}

TEST(Load, SimulatorFillsEmptyPoolsItself) {
  constexpr const char* kText =
      "vips: [{name: w, address: 203.0.113.1, port: 80}]\nsimulation: {backends: {count: 7}}";

  EXPECT_FALSE(parse_config(kText, "c.yaml", Purpose::kForward));
  const auto c = parse_config(kText, "c.yaml", Purpose::kSimulate);

  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->simulation.backends, 7U);
}

TEST(Load, OddButLegalIsAWarningWithItsPlace) {
  const auto c = parse_config(
      "ports: [{device: net_null0}]\n"
      "vips: [{name: w, address: 203.0.113.1, port: 80, backends: [{id: b, address: 10.0.0.1}]}]",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  ASSERT_EQ(c->warnings.size(), 1U);
  EXPECT_EQ(
      c->warnings[0],
      "c.yaml:2: vips[0].backends[0].address: node.address is not set: tunnels to 10.0.0.1 have no "
      "outer source"
  );
}

TEST(Load, TwoWorkersOnOneCoreAreAWarning) {
  const auto c = parse_config(
      "node: {address: 192.0.2.1}\nports: [{device: net_null0}]\nworkers: {cores: [0, 0]}\n"
      "vips: [{name: w, address: 203.0.113.1, port: 80, backends: [{id: b, address: 10.0.0.1}]}]",
      "c.yaml"
  );

  ASSERT_TRUE(c) << c.error().what;
  ASSERT_EQ(c->warnings.size(), 1U);
  EXPECT_EQ(c->warnings[0], "c.yaml:3: workers.cores: names core 0 twice: its workers share it");
}

}  // namespace
}  // namespace fairlead::config
