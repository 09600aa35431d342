// SPDX-License-Identifier: BSD-3-Clause
// Start in order, the main thread's loop, stop in reverse order.
#include "dataplane/forward.hh"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/console.hh"
#include "dataplane/device.hh"
#include "dataplane/kernel_neighbours.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {
namespace {

// 2^14 decisions of 64 bytes: 1 MiB a worker, and 1.6 million new flows a second at one drain every
// kTickMs.
constexpr std::uint32_t kDecisions = 1 << 14;
constexpr int kTickMs = 10;
constexpr std::uint32_t kMainBuffers = 511;

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

bool use_hugepages(const config::Config& config, const Options& options, unsigned wanted_mb) {
  Hugepages choice = Hugepages::kAuto;
  if (config.memory.hugepages == config::Hugepages::kOn) choice = Hugepages::kOn;
  if (config.memory.hugepages == config::Hugepages::kOff) choice = Hugepages::kOff;
  choice = options.hugepages.value_or(choice);
  if (choice == Hugepages::kAuto) return free_hugepage_mb() >= wanted_mb;
  return choice == Hugepages::kOn;
}

base::Result<EalPlan> make_plan(const config::Config& config, const Options& options) {
  if (config.ports.empty()) {
    return base::invalid(
        config.file +
        ": ports: none; list at least one, e.g. "
        "- {device: \"net_af_xdp0,iface=eth0\"}"
    );
  }
  EalPlan plan;
  plan.file_prefix = "fl_" + config.node.id;
  plan.worker_cores = config.workers.cores;
  if (plan.worker_cores.empty()) plan.worker_cores = {allowed_cpus().front()};
  plan.worker_cores.resize(config.workers.count, plan.worker_cores.back());
  FL_TRY(check_cores(plan.worker_cores, allowed_cpus()));
  std::uint64_t buffers = kMainBuffers;
  for (const model::Port& port : config.ports) {
    buffers += std::uint64_t{config.workers.count} * buffers_per_queue(port.device);
    if (const auto interface = kernel_interface_of(port.device))
      FL_TRY(kernel_interface(*interface));
    for (auto& device : queue_devices(port.device, config.workers.count)) {
      plan.devices.push_back(std::move(device));
    }
    if (port.punt_tap.empty()) continue;
    buffers += kTapBuffers;
    const auto number = static_cast<unsigned>(&port - config.ports.data());
    plan.devices.push_back(Tap::device(number, port.punt_tap));
  }
  plan.memory_mb = (buffer_memory_mb(buffers) + 1) / 2 * 2;
  plan.hugepages = use_hugepages(config, options, plan.memory_mb);
  plan.extra = options.eal;
  return plan;
}

/// Sends a frame of ours by worker 0; if its ring is full the frame is lost, and asked again later.
void send_frame(Forwarder& f, Station& station, const Frame& frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(f.main_pool);
  if (packet == nullptr) return;
  char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size));
  std::memcpy(room, frame.bytes.data(), frame.size);
  if (!station.from_main[0].push(packet)) rte_pktmbuf_free(packet);
}

base::Result<void> make_rings(Station& station, unsigned number, std::uint32_t workers) {
  const std::string name = "fl_p" + std::to_string(number);
  FL_ASSIGN(PacketRing out, PacketRing::create(name + "out"));
  station.from_main.push_back(std::move(out));
  for (std::uint32_t w = 0; w < workers; ++w) {
    FL_ASSIGN(PacketRing in, PacketRing::create(name + "in" + std::to_string(w)));
    station.to_main.push_back(std::move(in));
  }
  return {};
}

PuntPath punt_path(const Port& port, const model::Port& configured) {
  if (port.interface()) return PuntPath::kNone;
  return configured.punt_tap.empty() ? PuntPath::kNeighbours : PuntPath::kTap;
}

base::Result<void> open_stations(Forwarder& f) {
  for (unsigned i = 0; i < f.config.ports.size(); ++i) {
    const model::Port& configured = f.config.ports[i];
    FL_ASSIGN(Port port, Port::open(configured.device, i, f.config.workers.count));
    const PuntPath path = punt_path(port, configured);
    auto station = std::make_unique<Station>(std::move(port), path);
    if (path != PuntPath::kNone) FL_TRY(make_rings(*station, i, f.config.workers.count));
    Station* raw = station.get();
    Neighbours::Setup setup;
    setup.port = configured;
    setup.interface = station->port.interface();
    setup.follow_mtu = setup.interface.has_value();
    if (path == PuntPath::kTap) {
      FL_ASSIGN(Tap tap, Tap::open(i, configured.punt_tap, station->port.mac()));
      station->tap = std::make_unique<Tap>(std::move(tap));
      setup.interface = configured.punt_tap;
    }
    setup.own = {station->port.mac(), f.config.node.address, f.config.node.address6};
    setup.mtu = station->port.mtu();
    setup.workers = f.config.workers.count;
    if (path != PuntPath::kNone) {
      setup.send = [&f, raw](const Frame& frame) { send_frame(f, *raw, frame); };
    }
    station->neighbours = std::make_unique<Neighbours>(std::move(setup));
    sys::log_info(
        "port up port=" + std::to_string(i) + " device=" + configured.device +
        " driver=" + station->port.driver() + " mac=" + station->port.mac().to_string() + " mtu=" +
        std::to_string(station->port.mtu()) + " queues=" + std::to_string(f.config.workers.count) +
        " buffers_per_queue=" + std::to_string(station->port.buffers()) +
        " buffer_bytes=" + std::to_string(station->port.buffers() * RTE_MBUF_DEFAULT_BUF_SIZE)
    );
    f.stations.push_back(std::move(station));
  }
  return {};
}

base::Result<void> make_workers(Forwarder& f, const std::vector<unsigned>& cores) {
  auto* pages = f.regions.workers.at<fl_workers>(0);
  const config::Idle& idle = f.config.workers.idle;
  for (unsigned w = 0; w < cores.size(); ++w) {
    Worker::Setup setup;
    setup.number = w;
    setup.core = cores[w];
    setup.page = &pages->worker[w];
    setup.tables = shm::GenerationReader(f.regions.steering.back(), setup.page);
    shm::Region& flows = f.regions.flows[w];
    FL_ASSIGN(setup.flows, flow::FlowTable::attach({flows.data(), flows.bytes()}));
    setup.scores = f.regions.scores.at<fl_scores>(0);
    setup.decisions = f.decisions ? kDecisions : 0;
    setup.idle = IdleBackoff(idle.empty_polls, idle.sleep, idle.sleep_max);
    setup.tsc_hz = rte_get_tsc_hz();
    for (const auto& station : f.stations) {
      WorkerPort port;
      port.queue = station->port.queue(w);
      port.punt = station->punt;
      port.hops = &station->neighbours->box(w);
      if (station->punt != PuntPath::kNone) port.to_main = &station->to_main[w];
      if (station->punt != PuntPath::kNone && w == 0) port.from_main = &station->from_main[0];
      setup.ports.push_back(port);
    }
    f.workers.push_back(std::make_unique<Worker>(std::move(setup)));
    f.pulses.emplace_back();
  }
  return {};
}

base::Result<void> launch(Forwarder& f) {
  for (unsigned w = 0; w < f.workers.size(); ++w) {
    const auto run = [](void* worker) {
      static_cast<Worker*>(worker)->run();
      return 0;
    };
    if (rte_eal_remote_launch(run, f.workers[w].get(), w + 1) != 0) {
      return base::fail(
          base::ErrorCode::kInternal, "worker " + std::to_string(w) + " does not start"
      );
    }
  }
  return {};
}

// True if there was anything.
bool drain_punts(Station& station, base::Nanoseconds now) {
  bool any = false;
  for (PacketRing& ring : station.to_main) {
    while (rte_mbuf* packet = ring.pop()) {
      any = true;
      if (station.tap) {
        station.tap->to_kernel(packet);
        continue;
      }
      station.neighbours->heard(
          {rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len}, now
      );
      rte_pktmbuf_free(packet);
    }
  }
  if (!station.tap) return any;
  while (rte_mbuf* packet = station.tap->from_kernel()) {
    any = true;
    if (!station.from_main[0].push(packet)) rte_pktmbuf_free(packet);
  }
  return any;
}

void drain_decisions(Forwarder& f) {
  if (!f.decisions) return;
  for (const auto& worker : f.workers) f.decisions->drain(worker->decisions(), f.table.names());
  f.decisions->flush();
}

void take_pulse(Forwarder& f) {
  for (std::size_t w = 0; w < f.workers.size(); ++w) {
    const fl_worker_page& page = f.workers[w]->page();
    Pulse& pulse = f.pulses[w];
    const double busy = static_cast<double>(page.busy_cycles - pulse.busy);
    const double idle = static_cast<double>(page.idle_cycles - pulse.idle);
    const double packets = static_cast<double>(page.rx_packets - pulse.packets);
    const double hz = static_cast<double>(rte_get_tsc_hz());
    pulse.busy_share = busy + idle > 0 ? busy / (busy + idle) : 0;
    pulse.pps = busy + idle > 0 ? packets * hz / (busy + idle) : 0;
    pulse.cycles_per_packet = packets > 0 ? busy / packets : 0;
    pulse.busy = page.busy_cycles;
    pulse.idle = page.idle_cycles;
    pulse.packets = page.rx_packets;
  }
}

// Another configuration of fairlead-control (a larger bank) replaces the file; the workers move on.
void follow_steering(Forwarder& f) {
  if (!f.regions.steering.back().replaced()) return;
  const std::string path = f.regions.steering.back().path();
  auto next = shm::Region::attach(path, FL_REGION_STEERING, shm::Access::kReadWrite);
  if (!next) return;
  f.regions.steering.push_back(std::move(*next));
  auto* pages = f.regions.workers.at<fl_workers>(0);
  for (unsigned w = 0; w < f.workers.size(); ++w) {
    const shm::GenerationReader reader(f.regions.steering.back(), &pages->worker[w]);
    (void)f.workers[w]->offer_tables(reader);
  }
  f.table = TableCopy();
  sys::log_info("steering region replaced path=" + path);
}

void loop(Forwarder& f, Console& console, int signals) {
  base::Nanoseconds next_second = 0;
  bool busy = false;  // packets went to or came from the kernel: look again soon
  while (!f.stop_asked && !console.wait(busy ? 1 : kTickMs, signals)) {
    busy = false;
    const base::Nanoseconds now = sys::monotonic_ns();
    if (f.table.refresh(f.regions.steering.back())) {
      sys::log_info("table in force generation=" + std::to_string(f.table.generation()));
    }
    drain_decisions(f);
    for (const auto& station : f.stations) {
      busy = drain_punts(*station, now) || busy;
      station->neighbours->tick(f.table.unresolved(), now);
    }
    if (now < next_second) continue;
    next_second = now + base::kSecond;
    take_pulse(f);
    follow_steering(f);
  }
}

void stop(Forwarder& f) {
  for (const auto& worker : f.workers) worker->stop();
  rte_eal_mp_wait_lcore();
  for (const auto& station : f.stations) {
    station->port.close();
    drain_punts(*station, sys::monotonic_ns());
  }
  drain_decisions(f);
  std::uint64_t packets = 0;
  std::uint64_t skipped = 0;
  for (const auto& worker : f.workers) {
    packets += worker->page().rx_packets;
    skipped += worker->page().decisions_skipped;
  }
  sys::log_info(
      "stopped rx_packets=" + std::to_string(packets) +
      " decisions_skipped=" + std::to_string(skipped)
  );
}

}  // namespace

base::Result<void> run_forwarding(const config::Config& config, const Options& options) {
  FL_ASSIGN(const sys::UniqueFd signals, watch_signals());
  FL_ASSIGN(EalPlan plan, make_plan(config, options));
  Forwarder f(config);
  f.started = sys::monotonic_ns();
  FL_ASSIGN(f.regions, open_regions(config));
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
  FL_TRY(make_workers(f, plan.worker_cores));
  FL_TRY(launch(f));
  sys::log_info(
      "ready node=" + config.node.id + " workers=" + std::to_string(f.workers.size()) +
      " ports=" + std::to_string(f.stations.size())
  );
  loop(f, console, signals.get());
  stop(f);
  return {};
}

}  // namespace fairlead::dataplane
