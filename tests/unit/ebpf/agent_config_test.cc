// SPDX-License-Identifier: BSD-3-Clause
// The agent's configuration: the sample, the defaults, and a table of refusals.
#include "ebpf/agent_config.hh"

#include <gtest/gtest.h>

namespace fairlead::agent {
namespace {

const std::string kLeast =
    "backend: b1\ninterface: eth0\nvips: [{address: 203.0.113.10, port: 80}]\n";

TEST(AgentConfig, LeastFileHasTheDocumentedDefaults) {
  const auto config = parse_agent_config(kLeast, "a.yaml");

  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->runtime_dir, "/run/fairlead-agent/b1");
  EXPECT_EQ(config->report_interval, 100 * base::kMillisecond);
  EXPECT_EQ(config->leave_deadline, 10 * base::kSecond);
  EXPECT_TRUE(config->nodes.empty());
  EXPECT_TRUE(config->report_to.empty());
  EXPECT_EQ(config->vips.at(0).protocol, net::IpProto::kTcp);
}

TEST(AgentConfig, SampleNamesEveryKeyAndIsGood) {
  const auto config = load_agent_config(FL_SOURCE_ROOT "/config/agent.yaml");

  ASSERT_TRUE(config) << config.error().what;
  EXPECT_EQ(config->backend, "b1");
  EXPECT_EQ(config->vips.size(), 2U);
  EXPECT_EQ(config->nodes.size(), 2U);
  EXPECT_EQ(config->report_to.at(0), "192.0.2.11:9200");
  EXPECT_EQ(config->capacity, 64U);
  EXPECT_EQ(config->load_url, "http://127.0.0.1:8081/load");
  EXPECT_FALSE(config->cgroup.empty());
}

struct Refusal {
  const char* says;
  std::string text;
  const char* begins;    // of the message
  const char* contains;  // somewhere in it
};

class AgentConfigRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(AgentConfigRefusal, IsOneLineWithFileAndLine) {
  const Refusal& r = GetParam();
  const auto config = parse_agent_config(r.text, "a.yaml");

  ASSERT_FALSE(config) << r.says;
  EXPECT_EQ(base::exit_status(config.error()), 2);
  EXPECT_TRUE(config.error().what.starts_with(r.begins)) << config.error().what;
  EXPECT_NE(config.error().what.find(r.contains), std::string::npos) << config.error().what;
  EXPECT_EQ(config.error().what.find('\n'), std::string::npos);
}

std::string with_vips(const std::string& vips) {
  return "backend: b1\ninterface: eth0\nvips: " + vips + "\n";
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    AgentConfigRefusal,
    ::testing::Values(
        Refusal{"no backend", "interface: eth0\n", "a.yaml:1: backend", "missing"},
        Refusal{"no interface", "backend: b1\n", "a.yaml:1: interface", "missing"},
        Refusal{"no vips", "backend: b1\ninterface: eth0\n", "a.yaml:1: vips", "missing"},
        Refusal{"empty vips", with_vips("[]"), "a.yaml:3: vips", "is empty"},
        Refusal{"unknown key", kLeast + "nods: []\n", "a.yaml:4: nods", "did you mean 'nodes'"},
        Refusal{
            "unknown key of a vip",
            with_vips("[{address: 203.0.113.10, protcol: tcp, port: 80}]"),
            "a.yaml:3: vips[0].protcol",
            "protocol"},
        Refusal{
            "bad address",
            with_vips("[{address: 203.0.113, port: 80}]"),
            "a.yaml:3: vips[0].address",
            "not an address"},
        Refusal{
            "bad port",
            with_vips("[{address: 203.0.113.10, port: 65536}]"),
            "a.yaml:3: vips[0].port",
            "out of range"},
        Refusal{
            "bad protocol",
            with_vips("[{address: 203.0.113.10, port: 80, protocol: sctp}]"),
            "a.yaml:3: vips[0].protocol",
            "tcp or udp"},
        Refusal{
            "vip twice",
            with_vips("[{address: 203.0.113.10, port: 80}, {address: 203.0.113.10, port: 80}]"),
            "a.yaml:3: vips[1]",
            "twice"},
        Refusal{
            "node is a name", kLeast + "nodes: [lb1]\n", "a.yaml:4: nodes[0]", "not an address"},
        Refusal{
            "everybody is a node",
            kLeast + "nodes: [0.0.0.0/0]\n",
            "a.yaml:4: nodes[0]",
            "every sender"},
        Refusal{
            "receiver without port",
            kLeast + "report: {to: [192.0.2.11]}\n",
            "a.yaml:4: report.to[0]",
            "HOST:PORT"},
        Refusal{
            "receiver with port 0",
            kLeast + "report: {to: [\"192.0.2.11:0\"]}\n",
            "a.yaml:4: report.to[0]",
            "HOST:PORT"},
        Refusal{
            "receiver twice",
            kLeast + "report: {to: [\"a:1\", \"a:1\"]}\n",
            "a.yaml:4: report.to[1]",
            "twice"},
        Refusal{
            "interval without unit",
            kLeast + "report: {interval: 100}\n",
            "a.yaml:4: report.interval",
            "duration"},
        Refusal{
            "interval too short",
            kLeast + "report: {interval: 1ms}\n",
            "a.yaml:4: report.interval",
            "out of range"},
        Refusal{
            "negative capacity", kLeast + "capacity: -1\n", "a.yaml:4: capacity", "whole number"},
        Refusal{
            "absurd capacity",
            kLeast + "capacity: 99999999999\n",
            "a.yaml:4: capacity",
            "out of range"},
        Refusal{
            "bad URL",
            kLeast + "load: {url: \"localhost:8081\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "URL without a host",
            kLeast + "load: {url: \"http://\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "URL with a path alone",
            kLeast + "load: {url: \"http:///load\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "URL with a port alone",
            kLeast + "load: {url: \"http://:80/\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "URL with an absurd port",
            kLeast + "load: {url: \"http://h:65536/\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "URL of a file",
            kLeast + "load: {url: \"file:///etc/passwd\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "URL with half an IPv6 address",
            kLeast + "load: {url: \"http://[::1/\"}\n",
            "a.yaml:4: load.url",
            "not a URL"},
        Refusal{
            "receiver in empty brackets",
            kLeast + "report: {to: [\"[]:1\"]}\n",
            "a.yaml:4: report.to[0]",
            "HOST:PORT"},
        Refusal{
            "relative cgroup",
            kLeast + "load: {cgroup: nginx}\n",
            "a.yaml:4: load.cgroup",
            "absolute"},
        Refusal{
            "interface too long",
            "backend: b1\ninterface: abcdefghijklmnop\n" + kLeast.substr(27),
            "a.yaml:2: interface",
            "interface name"},
        Refusal{
            "backend id with a blank",
            "backend: b 1\n" + kLeast.substr(12),
            "a.yaml:1: backend",
            "is not a name"},
        Refusal{
            "multicast vip",
            with_vips("[{address: 239.1.2.3, port: 80}]"),
            "a.yaml:3: vips[0].address",
            "nothing that clients can call"},
        Refusal{
            "octal port",
            with_vips("[{address: 203.0.113.10, port: 0120}]"),
            "a.yaml:3: vips[0].port",
            "begins with 0"},
        Refusal{
            "relative runtime_dir",
            kLeast + "runtime_dir: run\n",
            "a.yaml:4: runtime_dir",
            "must begin with '/'"},
        Refusal{
            "zero byte in a path",
            kLeast + "runtime_dir: \"/run/a\\0b\"\n",
            "a.yaml:4: runtime_dir",
            "has a control character"},
        Refusal{
            "node twice",
            kLeast + "nodes: [192.0.2.11, 192.0.2.11]\n",
            "a.yaml:4: nodes[1]",
            "is there twice"},
        Refusal{
            "nobody as node", kLeast + "nodes: []\n", "a.yaml:", "names nobody, list the nodes"},
        Refusal{"no YAML", "backend: [\n", "a.yaml:", ""},
        Refusal{"a list", "- backend\n", "a.yaml:1:", "map"}
    ),
    [](const auto& row) {
      std::string name = row.param.says;
      for (char& c : name) {
        if (c == ' ') c = '_';
      }
      return name;
    }
);

TEST(AgentConfig, MissingFileIsBadInput) {
  const auto config = load_agent_config("/nonexistent/agent.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(base::exit_status(config.error()), 2);
}

TEST(AgentConfig, UrlsOfEveryFormAreTaken) {
  for (const char* url :
       {"http://h", "https://h.example:8443/load?all=1", "http://[::1]:80/load", "http://u:p@h/"}) {
    const auto config = parse_agent_config(kLeast + "load: {url: \"" + url + "\"}\n", "a.yaml");
    EXPECT_TRUE(config) << url;
  }
}

TEST(AgentConfig, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  const auto config = load_agent_config("/dev/zero");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().what, "/dev/zero: is not a regular file, name a YAML file");
}

}  // namespace
}  // namespace fairlead::agent
