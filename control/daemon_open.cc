// SPDX-License-Identifier: BSD-3-Clause
// What the daemon opens before its loop turns: regions and node, gate, servers.
#include <utility>

#include "control/actions.hh"
#include "control/daemon.hh"
#include "control/intents.hh"
#include "control/take_weights.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"
#include "ebpf/bpffs.hh"

namespace fairlead::control {
namespace {

// After a restart, published weights stay so long while policies learn anew.
constexpr base::Nanoseconds kHoldWeights = 5 * base::kSecond;

}  // namespace

base::Result<bool> Daemon::open_node(config::Config config, base::Nanoseconds now) {
  // Regions lie in BPF maps if the file system for their pins is there before they are made.
  std::string gate_error;
  if (!config.interface.empty() && !options_.no_gate) {
    const auto mounted = ebpf::ensure_bpffs(config.runtime_dir + "/bpf");
    if (!mounted) gate_error = mounted.error().what;
    mounted_ = mounted.value_or(false);
  }
  FL_ASSIGN(Regions regions, Regions::open(config.runtime_dir, config.memory.steering_bank, now));
  std::string note;
  Publisher publisher = Publisher::open(regions.steering, regions.workers, now, &note);
  if (!note.empty()) sys::log_error("published tables cannot be taken over: " + note);
  node_ = std::make_unique<Node>(config, std::move(regions), std::move(publisher));
  node_->started = now;
  node_->gate_error = gate_error;
  auto operators = load_operator_state(node_->regions.dir + "/state.json");
  if (!operators) {
    sys::log_error(operators.error().what + "; going on without");
  } else {
    node_->operators = std::move(*operators);
  }
  if (!config.policy_log.empty()) {
    FL_ASSIGN(node_->policy_log, PolicyLog::open(config.policy_log));
    node_->weights.log_to(&node_->policy_log->log());
  }
  if (config.policy != model::PolicyName::kStatic) {
    node_->weights.restore(node_->publisher.table(), node_->publisher.names(), now + kHoldWeights);
  }
  FL_ASSIGN(node_->store, open_store(config, node_->regions.dir, [this] { wake(); }));
  if (node_->store) node_->store->announce("nodes", config.node.id, "{}");
  node_->fleet.configured = !config.monitoring.monitors.empty();
  reconciler_ = std::make_unique<Reconciler>(*node_);
  changes_ = std::make_unique<ChangeControl>(*node_, *reconciler_, options_.config, [this] {
    set_targets();
  });
  reconciler_->take_config(changes_->begin(std::move(config), now), now);
  restore_fleet_weights(*node_);
  for (const std::string& id : node_->operators.left) node_->intake.restore_left(id);
  if (!node_->store) changes_->begun();
  FL_TRY(node_->exchange.start(
      node_->config, node_->regions.worker_pages(), node_->regions.score_table()
  ));
  return true;
}

base::Result<ebpf::Gate> Daemon::attach_gate() {
  Regions& regions = node_->regions;
  ebpf::GateRegions shared;
  if (regions.steering.is_map()) {
    const config::Config& config = node_->config;
    FL_TRY(
        regions.open_flows(config.workers.most, config.memory.flows_per_worker, sys::monotonic_ns())
    );
    shared.steering = regions.steering.fd();
    shared.scores = regions.scores.fd();
    shared.workers = regions.workers.fd();
    for (const shm::Region& flows : regions.flows) shared.flows.push_back(flows.fd());
    shared.bank_bytes = regions.steering.header().parameter;
    shared.buckets = regions.flows.front().header().parameter;
  }
  return ebpf::Gate::attach(
      node_->config.interface, regions.dir + "/bpf", shared, served_vips(node_->config)
  );
}

base::Result<bool> Daemon::open_gate() {
  if (node_->config.interface.empty() || options_.no_gate) return true;
  auto gate = attach_gate();
  if (!gate) {
    const base::ErrorCode code = gate.error().code;
    // A wrong configuration ends us; a kernel that cannot leaves the data plane without fallback.
    if (code == base::ErrorCode::kNotFound || code == base::ErrorCode::kAlreadyExists ||
        code == base::ErrorCode::kInvalidArgument) {
      if (mounted_) (void)ebpf::remove_bpffs(node_->regions.dir + "/bpf");
      return base::annotate("gate on " + node_->config.interface, gate.error());
    }
    node_->gate_error = gate.error().what;
    sys::log_error(
        "no gate on " + node_->config.interface +
        ", the data plane is without fallback: " + node_->gate_error
    );
    return true;
  }
  if (gate->sockets_lost()) {
    sys::log_warn("gate was replaced by another version, restart fairlead-dataplane");
  }
  if (!gate->blind_to_exits().empty()) {
    sys::log_warn(
        "the gate does not see a data plane's end at once, but when the kernel has closed its "
        "socket, some milliseconds later: " +
        gate->blind_to_exits()
    );
  }
  sys::log_info(
      "gate interface=" + node_->config.interface + " mode=" +
      std::string(to_string(gate->mode())) + " origin=" + std::string(to_string(gate->origin()))
  );
  node_->gate = std::move(*gate);
  return true;
}

base::Result<bool> Daemon::open_services() {
  FL_ASSIGN(
      socket_,
      api::SocketServer::listen(
          node_->regions.dir + "/control.sock",
          [this](const std::string& line, api::Peer peer) {
            return answer(*node_, *reconciler_, *changes_, line, peer, sys::monotonic_ns());
          }
      )
  );
  FL_TRY(open_api());
  const config::Monitoring& m = node_->config.monitoring;
  const auto [certificate, key, ca] = m.tls;
  const monitor::Tls tls{certificate, key, ca};
  if (!m.listen.empty()) {
    auto service = monitor::Service::start(m.listen, tls, *this);
    if (!service) return base::annotate("monitoring.listen", service.error());
    service_ = std::move(*service);
  }
  FL_ASSIGN(const monitor::Credentials credentials, monitor::channel_credentials(tls));
  fleet_ = std::make_unique<FleetLink>(*node_, mutex_, credentials, [this] {
    follow(sys::monotonic_ns());
  });
  if (!node_->config.metrics_listen.empty()) {
    FL_ASSIGN(
        metrics_,
        Metrics::start(
            node_->config.metrics_listen,
            [this](const std::function<void(Node&)>& read) {
              const std::lock_guard lock(mutex_);
              read(*node_);
            }
        )
    );
  }
  return true;
}

// gRPC and HTTP leave their calls in the inbox: what they ask is done by the main thread, like what
// the control socket asks.
base::Result<bool> Daemon::open_api() {
  dispatch_.events = &node_->happenings.events();
  dispatch_.weights = &node_->happenings.weights();
  dispatch_.ask = [this](
                      const std::string& method,
                      const nlohmann::json& arguments,
                      api::Peer peer,
                      const api::Dispatch::Done& done
                  ) {
    inbox_.post([this, method, arguments, peer, done](const base::Error* refused) {
      if (refused != nullptr) return done(tl::unexpected<base::Error>(*refused));
      const auto request = api::make_request(method, arguments);
      done(answer_call(*node_, *reconciler_, *changes_, request, peer, sys::monotonic_ns()));
    });
  };
  const config::Api& c = node_->config.api;
  const api::Tls tls{c.certificate, c.key, c.client_ca, c.admins};
  const std::string& dir = node_->regions.dir;
  if (c.unix || !c.grpc.empty()) {
    FL_ASSIGN(
        grpc_, api::GrpcServer::start(c.unix ? dir + "/api.sock" : "", c.grpc, tls, dispatch_)
    );
  }
  if (c.unix || !c.http.empty()) {
    FL_ASSIGN(
        http_, api::HttpServer::start(c.unix ? dir + "/http.sock" : "", c.http, tls, dispatch_)
    );
  }
  return true;
}

}  // namespace fairlead::control
