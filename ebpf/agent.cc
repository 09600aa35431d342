// SPDX-License-Identifier: BSD-3-Clause
// Starts the parts and turns measurements into reports.
#include "ebpf/agent.hh"

#include <algorithm>
#include <future>

#include "control/monitor/tls.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/sys/system_clock.hh"
#include "ebpf/agent_memory.hh"

namespace fairlead::agent {
namespace {

using nlohmann::json;

constexpr base::Nanoseconds kLeaveTimeout = 500 * base::kMillisecond;

void fill(v1::LoadReport& report, const Load& load) {
  report.set_cpu_utilization(load.cpu_utilization.value_or(0));
  report.set_mem_utilization(load.mem_utilization.value_or(0));
  report.set_application_utilization(load.application_utilization.value_or(0));
  report.set_rps_fractional(load.rps_fractional.value_or(0));
  report.set_eps(load.eps.value_or(0));
  report.set_active_connections(load.active_connections.value_or(0));
  report.set_capacity(load.capacity.value_or(0));
  report.set_mean_latency_us(load.mean_latency_us.value_or(0));
  report.set_completed(load.completed.value_or(0));
}

json as_json(const v1::LoadReport& r) {
  json tunnel = json::object();
  for (const auto& [counter, packets] : r.tunnel()) tunnel[counter] = packets;
  return {
      {"sequence", r.sequence()},
      {"cpu_utilization", r.cpu_utilization()},
      {"mem_utilization", r.mem_utilization()},
      {"application_utilization", r.application_utilization()},
      {"rps_fractional", r.rps_fractional()},
      {"eps", r.eps()},
      {"active_connections", r.active_connections()},
      {"capacity", r.capacity()},
      {"mean_latency_us", r.mean_latency_us()},
      {"completed", r.completed()},
      {"period_us", r.period_us()},
      {"tunnel", tunnel},
  };
}

}  // namespace

Agent::Agent(AgentConfig config)
    : config_(std::move(config)),
      started_(sys::monotonic_ns()),
      kernel_(config_.cgroup, config_.vips) {}

base::Result<std::unique_ptr<Agent>> Agent::start(AgentConfig config) {
  std::unique_ptr<Agent> agent(new Agent(std::move(config)));
  const AgentConfig& c = agent->config_;
  if (!c.nodes.empty()) {
    const ebpf::Decap::Content content{.vips = c.vips, .nodes = c.nodes, .backends = c.peers};
    FL_ASSIGN(agent->decap_, ebpf::Decap::attach(c.interface, c.runtime_dir + "/bpf", content));
  }
  if (!c.load_url.empty()) {
    agent->url_ = std::make_unique<UrlLoad>(c.load_url, c.report_interval);
  }
  FL_ASSIGN(
      const monitor::Credentials credentials,
      monitor::channel_credentials({c.report_certificate, c.report_key, c.report_ca})
  );
  for (const std::string& to : c.report_to)
    agent->reporters_.push_back(std::make_unique<Reporter>(to, credentials));
  return agent;
}

/// Requests a second, from the service's count, if it gives none itself.
void Agent::add_rate(Load& load, base::Nanoseconds now) {
  const bool counted = load.completed && completed_ && *load.completed >= *completed_;
  if (counted && !load.rps_fractional && now > measured_at_) {
    load.rps_fractional = static_cast<double>(*load.completed - *completed_) *
                          static_cast<double>(base::kSecond) /
                          static_cast<double>(now - measured_at_);
  }
  completed_ = load.completed;
}

void Agent::add_counters(v1::LoadReport& report, base::Nanoseconds now) {
  if (!decap_) return;
  const auto counters = decap_->counters();
  if (!counters) return;
  for (const auto& counter : *counters)
    (*report.mutable_tunnel())[std::string(counter.name)] = counter.packets;
  counted_at_ = now;
}

void Agent::report() {
  const base::Nanoseconds now = sys::monotonic_ns();
  Load load = kernel_.sample(now);
  if (url_) load = merged(url_->state(now).load, load);
  if (!load.capacity && config_.capacity > 0) load.capacity = config_.capacity;
  add_rate(load, now);

  v1::LoadReport report;
  report.set_backend_id(config_.backend);
  report.set_sequence(last_.sequence() + 1);
  report.set_timestamp_unix_us(sys::wall_us());
  report.set_period_us((measured_at_ == 0 ? config_.report_interval : now - measured_at_) / 1000);
  fill(report, load);
  if (now >= counted_at_ + base::kSecond) add_counters(report, now);
  for (const auto& reporter : reporters_) reporter->post(report);
  last_ = report;
  measured_at_ = now;
}

std::uint64_t Agent::leave() {
  leaving_ = true;
  std::vector<std::future<base::Result<std::uint64_t>>> answers;
  for (const auto& reporter : reporters_) {
    answers.push_back(std::async(std::launch::async, [this, r = reporter.get()] {
      return r->leave(config_.backend, kLeaveTimeout);
    }));
  }
  std::uint64_t held = 0;
  for (auto& answer : answers) held += answer.get().value_or(0);
  return std::max<std::uint64_t>(held, last_.active_connections());
}

base::Result<void> Agent::detach() {
  if (!decap_) return {};
  return decap_->detach();
}

base::Result<json> Agent::answer(const std::string& command, const json& arguments) const {
  if (!arguments.empty()) return base::invalid("commands here take no arguments; leave them out");
  if (command == "show status") return status();
  if (command == "show counters") return counters();
  if (command == "show memory") return memory_report();
  return base::fail(
      base::ErrorCode::kNotFound,
      "no command " + base::quoted(command) + "; there are: show status, show counters, show memory"
  );
}

json Agent::status() const {
  const base::Nanoseconds now = sys::monotonic_ns();
  json vips = json::array();
  for (const auto& vip : config_.vips) {
    vips.push_back(
        {{"address", vip.prefix.to_string()},
         {"protocol", vip.protocol == net::IpProto::kTcp ? "tcp" : "udp"},
         {"port", vip.port}}
    );
  }
  json reports = json::array();
  for (const auto& reporter : reporters_) {
    const auto s = reporter->state();
    reports.push_back(
        {{"to", reporter->to()},
         {"connected", s.connected},
         {"sent", s.sent},
         {"streams", s.streams},
         {"last_error", as_json(s.trouble, now)}}
    );
  }
  json result = {
      {"backend", config_.backend},
      {"version", FL_VERSION},
      {"uptime_s", (now - started_) / base::kSecond},
      {"interface", config_.interface},
      {"mode", decap_ ? to_string(decap_->mode()) : "off"},
      {"origin", decap_ ? to_string(decap_->origin()) : "off"},
      {"leaving", leaving_},
      {"vips", vips},
      {"reports", reports},
      {"load", as_json(last_)},
  };
  if (url_) {
    const auto s = url_->state(now);
    result["url"] = {
        {"answers", s.answers}, {"failures", s.failures}, {"last_error", as_json(s.trouble, now)}};
  }
  return result;
}

base::Result<json> Agent::counters() const {
  json result = json::object();
  if (!decap_) return result;
  FL_ASSIGN(const auto counters, decap_->counters());
  for (const auto& counter : counters) result[std::string(counter.name)] = counter.packets;
  return result;
}

}  // namespace fairlead::agent
