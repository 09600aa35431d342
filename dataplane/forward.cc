// SPDX-License-Identifier: BSD-3-Clause
// Start in order, the main thread's loop, stop in reverse order.
#include "dataplane/forward.hh"

#include <cerrno>
#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "dataplane/console.hh"
#include "dataplane/crash_notice.hh"
#include "dataplane/device.hh"
#include "dataplane/gateless.hh"
#include "dataplane/numa.hh"
#include "dataplane/sys/interface.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/unique_fd.hh"
#include "dataplane/sys/watchdog.hh"

namespace fairlead::dataplane {
namespace {

// 2^14 decisions of 64 bytes: 1 MiB a worker, and 1.6 million new flows a second at one drain every
// kTickMs.
constexpr std::uint32_t kDecisions = 1 << 14;
constexpr int kTickMs = 10;

/// Makes the signals that end us readable; before any thread is started, so that all inherit it.
base::Result<sys::UniqueFd> watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  sys::UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return base::system_error("watch signals", errno);
  return fd;
}

Worker::Setup worker_setup(Forwarder& f, unsigned number) {
  auto* pages = f.regions.workers.at<fl_workers>(0);
  const config::Idle& idle = f.config.workers.idle;
  Worker::Setup setup;
  setup.number = number;
  setup.core = number < f.crew_cores.size() ? f.crew_cores[number] : 0;
  setup.page = &pages->worker[number];
  setup.tables = shm::GenerationReader(f.regions.steering.back(), setup.page);
  shm::Region& flows = f.regions.flows[number];
  setup.flows =
      *flow::FlowTable::attach({flows.data(), flows.bytes()});  // make_crew() has tried it
  setup.scores = f.regions.scores.at<fl_scores>(0);
  setup.decisions = f.decisions ? kDecisions : 0;
  setup.peers = &f.peers;
  setup.idle = IdleBackoff(idle.empty_polls, idle.sleep, idle.sleep_max);
  setup.tsc_hz = rte_get_tsc_hz();
  // Before anybody has touched them: a new table's pages and a new page's counters.
  const int socket = socket_of_core(setup.core);
  if (flows.created()) (void)prefer_socket(flows.data(), flows.bytes(), socket);
  (void)prefer_socket(setup.page, sizeof(fl_worker_page), socket);
  return setup;
}

base::Result<void> make_crew(Forwarder& f, unsigned found) {
  Crew::Setup setup;
  setup.cores = f.crew_cores;
  for (shm::Region& flows : f.regions.flows) {
    FL_ASSIGN(const flow::FlowTable table, flow::FlowTable::attach({flows.data(), flows.bytes()}));
    setup.tables.push_back(table);
    setup.tables_found = setup.tables_found || !flows.created();
  }
  setup.longest_idle = [&f] { return longest_idle(f); };
  setup.worker = [&f](unsigned number) { return worker_setup(f, number); };
  setup.found = found;
  setup.pages = f.regions.workers.at<fl_workers>(0);
  setup.gate_interface = f.config.interface;
  fl_workers* const pages = setup.pages;
  f.crew = std::make_unique<Crew>(std::move(setup));
  tell_crashes(pages);
  return {};
}

/// Before anything is made that would be left behind.
base::Result<void> check_interfaces(const config::Config& config) {
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const auto interface = kernel_interface_of(config.ports[i].device);
    if (!interface) continue;
    FL_TRY(sys::require_interface("ports[" + std::to_string(i) + "].device", *interface));
  }
  return {};
}

base::Result<void> open_stations(Forwarder& f) {
  for (unsigned i = 0; i < f.config.ports.size(); ++i) {
    Station::Setup setup = f.station_setup(f.config.ports[i], i);
    FL_ASSIGN(std::unique_ptr<Station> station, Station::open(setup));
    f.stations.push_back(std::move(station));
  }
  return {};
}

void drain_decisions(Forwarder& f) {
  if (!f.decisions) return;
  for (unsigned w = 0; w < f.crew->known(); ++w) {
    f.decisions->drain(f.crew->worker(w).decisions(), f.table.names());
  }
  f.decisions->flush();
}

void take_pulse(Forwarder& f) {
  for (unsigned w = 0; w < f.crew->known(); ++w) {
    f.crew->pulse(w).take(f.crew->worker(w).page(), rte_get_tsc_hz());
  }
}

// Another configuration of fairlead-control (a larger bank) replaces the file; the workers move on.
void follow_steering(Forwarder& f) {
  if (!f.regions.steering.back().replaced()) return;
  const std::string path = f.regions.steering.back().path();
  auto next = shm::Region::attach(path, FL_REGION_STEERING, shm::Access::kReadWrite);
  if (!next) return;
  f.regions.steering.push_back(std::move(*next));
  f.table = TableCopy();
  sys::log_info("steering region replaced path=" + path);
}

void follow_table(Forwarder& f) {
  f.table.refresh(f.regions.steering.back());
  if (!f.table.take_news()) return;
  sys::log_info("table in force generation=" + std::to_string(f.table.generation()));
  if (const auto told = f.crew->limits_changed(f.stations); !told) sys::log_warn(told.error().what);
  follow_vips(f);
}

/// Every worker that runs gave a sign within this time: else systemd is not told that all is well.
constexpr base::Nanoseconds kWorkerSilent = base::kSecond;

bool workers_live(Forwarder& f, base::Nanoseconds now) {
  for (unsigned w = 0; w < f.crew->running(); ++w) {
    const std::uint64_t* sign = &f.crew->worker(w).page().heartbeat_ns;
    const std::uint64_t heartbeat = __atomic_load_n(sign, __ATOMIC_RELAXED);
    if (now > heartbeat + kWorkerSilent) return false;
  }
  return true;
}

void loop(Forwarder& f, Console& console, int signals) {
  sys::Watchdog watchdog;
  watchdog.ready();
  base::Nanoseconds next_second = 0;
  bool busy = false;  // packets went to or came from the kernel: look again soon
  while (!f.stop_asked && !console.wait(busy || f.capture.running() ? 1 : kTickMs, signals)) {
    busy = false;
    const base::Nanoseconds now = sys::monotonic_ns();
    if (workers_live(f, now)) watchdog.alive(now);
    follow_table(f);
    drain_decisions(f);
    f.crew->tick(now);
    f.capture.tick(*f.crew, f.table.names(), now);
    for (const auto& station : f.stations) {
      busy = station->carry(now) || busy;
      station->neighbours->tick(f.table.unresolved(), now);
    }
    if (now < next_second) continue;
    next_second = now + base::kSecond;
    take_pulse(f);
    follow_steering(f);
    f.crew->follow(f.regions.steering.back());
    watch_ports(f, now);
  }
}

void stop(Forwarder& f) {
  f.crew->stop();
  tell_crashes(nullptr);
  if (f.capture.running()) {
    (void)f.capture.stop(*f.crew, f.table.names(), sys::monotonic_ns());
  }
  for (const auto& station : f.stations) {
    station->port.close();
    station->carry(sys::monotonic_ns());
  }
  drain_decisions(f);
  std::uint64_t packets = 0;
  std::uint64_t skipped = 0;
  for (unsigned w = 0; w < f.crew->known(); ++w) {
    packets += f.crew->worker(w).page().rx_packets;
    skipped += f.crew->worker(w).page().decisions_skipped;
  }
  sys::log_info(
      "stopped rx_packets=" + std::to_string(packets) +
      " decisions_skipped=" + std::to_string(skipped)
  );
}

}  // namespace

base::Nanoseconds longest_idle(Forwarder& f) {
  f.table.refresh(f.regions.steering.back());
  return f.table.generation() == 0 ? f.config.flows.longest_idle() : f.table.longest_idle();
}

Station::Setup Forwarder::station_setup(const model::Port& port, unsigned number) const {
  Station::Setup setup;
  setup.configured = port;
  setup.number = number;
  setup.queues = {config.workers.most, config.workers.count};
  setup.node = config.node;
  setup.main_pool = main_pool;
  return setup;
}

base::Result<void> run_forwarding(const config::Config& configured, const Options& options) {
  FL_ASSIGN(const sys::UniqueFd signals, watch_signals());
  FL_TRY(check_interfaces(configured));
  config::Config config = configured;
  for (model::Port& port : config.ports)
    port.device = device_in_force(config.runtime_dir, port.device);
  FL_ASSIGN(EalPlan plan, make_plan(config, options));
  Forwarder f(config);
  f.started = sys::monotonic_ns();
  f.crew_cores = worker_cores(config.workers, allowed_cpus());
  unsigned found = 0;
  FL_ASSIGN(f.regions, open_regions(config, options.replace, found));
  FL_ASSIGN(
      Console console,
      Console::listen(
          config.runtime_dir + "/dataplane.sock",
          [&f](const std::string& command, const nlohmann::json& arguments) {
            return answer(f, command, arguments);
          }
      )
  );
  if (!config.decision_log.empty()) {
    FL_ASSIGN(DecisionLog log, DecisionLog::open(config.decision_log, config.node.id));
    f.decisions = std::make_unique<DecisionLog>(std::move(log));
  }
  FL_ASSIGN(Eal eal, Eal::start(plan, options.verbose));
  f.eal = std::make_unique<Eal>(std::move(eal));
  sys::log_info(
      "memory started hugepages=" + std::string(plan.hugepages ? "on" : "off") +
      " mb=" + std::to_string(plan.memory_mb)
  );
  FL_ASSIGN(f.main_pool, make_pool("fl_main", kMainBuffers));
  FL_TRY(open_stations(f));
  FL_TRY(make_crew(f, found));
  FL_TRY(f.crew->arrange(f.stations, config.workers.count));
  sys::log_info(
      "ready node=" + config.node.id + " workers=" + std::to_string(f.crew->running()) +
      " ports=" + std::to_string(f.stations.size())
  );
  loop(f, console, signals.get());
  stop(f);
  return {};
}

}  // namespace fairlead::dataplane
