// SPDX-License-Identifier: BSD-3-Clause
// The parts put together.
#include "control/central/monitor.hh"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <set>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control/config/sections.hh"
#include "control/etcd/settings.hh"
#include "control/fleet/shared_config.hh"
#include "control/monitor/report_wire.hh"
#include "control/shared_operators.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/watchdog.hh"

namespace fairlead::central {
namespace {

constexpr base::Nanoseconds kMostInterval = base::kSecond;
constexpr base::Nanoseconds kNodeGone = 3 * base::kSecond;
constexpr const char* kGeneration = "generation";  // in etcd: of weights, the highest so far
constexpr base::Nanoseconds kLogEvery = 10 * base::kSecond;

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = handled_signals();
  (void)pthread_sigmask(SIG_BLOCK, &set, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
}

Monitor::~Monitor() {
  metrics_.reset();
  leadership_.reset();  // the next leader need not wait
  store_.reset();
  if (watch_) watch_->end();
  service_.reset();  // before the service that it carries
}

base::Result<bool> Monitor::start(const config::Config& config) {
  FL_TRY(Leadership::check(config.fleet.etcd, options_.advertise));
  if (config.fleet.hash_key_is_default) {
    sys::log_warn(
        "fleet.hash_key is the published default: with it anybody can send counts, set your own"
    );
  }
  const sigset_t set = handled_signals();
  signals_ = sys::UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  wake_ = sys::UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!signals_.valid() || !wake_.valid()) return base::system_error("read signals", errno);
  FL_TRY(open_fleet(config));
  // Milliseconds of 1970: a monitor that is started again goes on above where it was.
  sequence_ = sys::wall_us() / 1000;
  FL_ASSIGN(
      exchange_, exchange::Server::start(options_.listen, exchange::Key(config.fleet.hash_key))
  );
  watch_ = monitor::WatchService::make();
  const auto [certificate, key, ca] = config.monitoring.tls;
  FL_ASSIGN(
      service_,
      monitor::Service::start(
          options_.listen, {certificate, key, ca}, *this, {&watch_->grpc_service()}
      )
  );
  FL_ASSIGN(leadership_, Leadership::start(config.fleet.etcd, options_.advertise, [this] {
              lead_changed_ = true;
              wake();
            }));
  if (!options_.metrics.empty()) {
    FL_ASSIGN(metrics_, Metrics::start(options_.metrics, [this](control::MetricsPage& page) {
                fill(page);
              }));
  }
  sys::log_info(
      "started monitor=" + options_.advertise + " listen=" + options_.listen +
      " backends=" + std::to_string(backends_.size())
  );
  return true;
}

/// Any thread.
void Monitor::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

base::Result<bool> Monitor::open_fleet(const config::Config& config) {
  if (!config.fleet.etcd.endpoints.empty()) {
    FL_ASSIGN(etcd::Settings settings, etcd::settings_of(config.fleet.etcd));
    store_ =
        fleet::Store::open({std::move(settings), config.fleet.etcd.prefix, "", [this] { wake(); }});
    store_->announce("monitors", options_.advertise, "{}");
  }
  take_config(config);
  return true;
}

/// The file with the sections that the fleet shares, if it shares some.
base::Result<config::Config> Monitor::with_fleet(config::Config from_file) {
  const auto shared = store_ ? fleet::shared_config(store_->read()) : std::nullopt;
  if (!shared) return from_file;
  FL_ASSIGN(
      const std::string text, config::with_shared(from_file.text, from_file.file, shared->text)
  );
  return config::parse_config(text, options_.config + " with the fleet's sections");
}

/// What operators decided and configured, on whatever node. True: it is not as before. The leader's
/// own note of its generation is no news: each would make the next one.
bool Monitor::take_shared() {
  if (!store_) return false;
  const auto state = store_->state();
  if (!state.known || state.turn == store_turn_) return false;
  store_turn_ = state.turn;
  const control::Clocks clocks{
      sys::monotonic_ns(), static_cast<std::int64_t>(sys::wall_us() / 1000), ""};
  fleet::Values values = store_->read();
  values.erase(kGeneration);
  if (values == shared_) return false;
  const control::Holds holds = std::exchange(operators_.holds, {});
  operators_ = control::with_shared_values({}, values, clocks);
  if (operators_.holds != holds) bases_.look_again();
  const auto shared = fleet::shared_config(values);
  const auto in_force = config::shared_part(config_.text, config_.file);
  if (shared && (!in_force || *in_force != shared->text)) reload();
  shared_ = std::move(values);
  return true;
}

void Monitor::take_config(config::Config config) {
  std::set<std::string> ids;
  for (const model::Vip& vip : config.vips) {
    for (const model::Backend& backend : vip.backends) ids.insert(backend.id);
  }
  const std::lock_guard lock(mutex_);
  backends_ = {ids.begin(), ids.end()};
  intake_.set_backends(backends_);
  interval_ = std::min(config.monitoring.interval, kMostInterval);
  config_ = std::move(config);
  bases_.look_again();
}

void Monitor::reload() {
  auto config = config::load_config(options_.config);
  if (config) config = with_fleet(std::move(*config));
  if (!config) {
    sys::log_error("reload refused, nothing changes: " + config.error().what);
    return;
  }
  take_config(std::move(*config));
  sys::log_info("reloaded backends=" + std::to_string(backends_.size()));
}

void Monitor::run() {
  sys::Watchdog watchdog;
  watchdog.ready();
  base::Nanoseconds next = sys::monotonic_ns();
  for (;;) {
    const base::Nanoseconds now = sys::monotonic_ns();
    watchdog.alive(now);
    if (now >= next) {
      publish();
      log_figures();
      next = std::max(next + interval_, now);
    }
    if (!wait(next)) break;
  }
  sys::log_info("ends");
}

/// False: to end. A change of the lead, and what operators decide, is published at once.
bool Monitor::wait(base::Nanoseconds until) {
  const base::Nanoseconds now = sys::monotonic_ns();
  std::array<pollfd, 2> fds{{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  const int ms = until <= now ? 0 : static_cast<int>((until - now) / base::kMillisecond) + 1;
  if (::poll(fds.data(), fds.size(), ms) <= 0) return true;
  if (fds[1].revents != 0) {
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
    const bool led = lead_changed_.exchange(false);
    if (take_shared() || led) publish();
  }
  return take_signals();
}

bool Monitor::take_signals() {
  signalfd_siginfo info{};
  bool goes_on = true;
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGHUP) {
      reload();
    } else {
      goes_on = false;
    }
  }
  return goes_on;
}

// The generation that etcd knows is for the case that all nodes and monitors were started anew.
void Monitor::lead(const Leadership::View& lead) {
  if (!leadership_ || !lead.leads) {
    generation_shown_ = 0;
    return policy_.follow();
  }
  bases_.turn(
      config_, operators_.holds, *store_, leadership_->guard(lead.term), sys::monotonic_ns()
  );
  if (policy_.term() == lead.term) return;
  std::uint64_t known = 0;
  const fleet::Values values = store_->read();
  if (const auto found = values.find(kGeneration); found != values.end())
    known = std::strtoull(found->second.c_str(), nullptr, 10);
  policy_.lead(lead.term, known);
}

void Monitor::weigh(v1::MonitoringUpdate& update, const FleetPolicy::Reports& reports) {
  if (!policy_.leads()) return;
  const base::Nanoseconds now = sys::monotonic_ns();
  const std::vector<v1::NodeRow> nodes = watch_->nodes(now, kNodeGone);
  const FleetPolicy::Input input{config_, operators_, nodes, [this](const std::string& id) {
                                   return static_cast<double>(exchange_->total(id));
                                 }};
  if (policy_.turn(input, reports, now)) {
    const monitor::FleetWeights& weights = policy_.weights();
    store_->write({{kGeneration, std::to_string(weights.generation)}});
    sys::log_info(
        "weights generation=" + std::to_string(weights.generation) +
        " term=" + std::to_string(weights.term)
    );
  }
  generation_shown_ = policy_.weights().generation;
  update.set_asks_weights(policy_.asks());
  if (!policy_.asks()) *update.mutable_weights() = monitor::to_wire(policy_.weights());
}

void Monitor::publish() {
  (void)take_shared();
  v1::MonitoringUpdate update;
  const auto lead = leadership_ ? leadership_->look() : Leadership::View{};
  this->lead(lead);
  update.set_term(lead.term);
  update.set_sequence(++sequence_);
  update.set_monitor(options_.advertise);
  FleetPolicy::Reports reports;
  {
    const std::lock_guard lock(mutex_);
    for (const monitor::LoadReport& window : windows_.take(intake_, backends_, &reports))
      *update.add_windows() = monitor::to_wire(window);
    operators_.left.clear();
    for (const std::string& id : backends_) {
      if (!intake_.has_left(id)) continue;
      update.add_left(id);
      operators_.left.insert(id);
    }
  }
  if (!lead.leads) return;  // warm: its windows are as young as the leader's
  weigh(update, reports);
  for (v1::NodeRow& row : watch_->nodes(sys::monotonic_ns(), kNodeGone))
    *update.add_nodes() = std::move(row);
  ++updates_shown_;
  watch_->publish(update);
}

void Monitor::log_figures() {
  const base::Nanoseconds now = sys::monotonic_ns();
  if (now < logged_ + kLogEvery) return;
  logged_ = now;
  const exchange::Server::Figures f = exchange_->figures();
  const std::lock_guard lock(mutex_);
  sys::log_info(
      "reports=" + std::to_string(intake_.accepted()) +
      " agents=" + std::to_string(intake_.reporting(now, 3 * base::kSecond)) +
      " nodes_watching=" + std::to_string(watch_->watching()) +
      " nodes_counting=" + std::to_string(f.nodes) + " datagrams=" + std::to_string(f.received) +
      " answered=" + std::to_string(f.answered) + " malformed=" + std::to_string(f.malformed) +
      " old=" + std::to_string(f.old) + " refused=" + std::to_string(f.refused)
  );
}

monitor::Refusal Monitor::on_report(const monitor::LoadReport& report) {
  const base::Nanoseconds now = sys::monotonic_ns();
  const std::uint64_t wall = sys::wall_us();
  const std::lock_guard lock(mutex_);
  return intake_.accept(report, now, wall);
}

void Monitor::on_malformed() {
  const std::lock_guard lock(mutex_);
  intake_.count_malformed();
}

std::optional<std::uint64_t> Monitor::on_leave(const std::string& id, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    const bool before = intake_.has_left(id);
    if (!intake_.leave(id)) return std::nullopt;
    if (!before)
      sys::log_info("backend leaves backend=" + id + " reason=\"" + reason.substr(0, 80) + "\"");
  }
  return exchange_->total(id);
}

}  // namespace fairlead::central
