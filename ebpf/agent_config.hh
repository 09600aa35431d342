// SPDX-License-Identifier: BSD-3-Clause
// The agent's configuration file (config/agent.yaml is a complete sample).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "ebpf/vip_table.hh"

namespace fairlead::agent {

struct AgentConfig {
  std::string backend;                 // id, as in the nodes' configuration
  std::string interface;               // where tunnel packets arrive
  std::string interface_at;            // where that was named: "file:line: key"
  std::string runtime_dir;             // default /run/fairlead-agent/<backend>
  std::vector<ebpf::ServedVip> vips;   // at least one
  std::vector<net::Prefix> nodes;      // outer sources; empty: no tunnel (l2 vips), no XDP
  std::vector<net::Prefix> peers;      // other backends: may pass on what they do not know
  std::vector<std::string> report_to;  // HOST:PORT; empty: no reports
  base::Nanoseconds report_interval = 100 * base::kMillisecond;  // 10 ms to 60 s
  std::string report_certificate;  // PEM files; all three, or none: no TLS
  std::string report_key;
  std::string report_ca;
  std::uint32_t capacity = 0;  // most requests served at once; 0: unknown
  std::string load_url;        // empty: kernel only
  std::string cgroup;          // directory of cgroup v2; empty: the whole host
  base::Nanoseconds leave_deadline = 10 * base::kSecond;  // 0 to 1 h
};

/// Errors are one line, `FILE:LINE: key: what is wrong and what to do`, code kInvalidArgument.
base::Result<AgentConfig> parse_agent_config(const std::string& text, const std::string& name);
base::Result<AgentConfig> load_agent_config(const std::string& path);

}  // namespace fairlead::agent
