// SPDX-License-Identifier: BSD-3-Clause
// Ports that come and go while the process forwards, and what is watched on those that are there.
#include <algorithm>

#include <rte_ethdev.h>

#include "dataplane/base/printable.hh"
#include "dataplane/device.hh"
#include "dataplane/forward.hh"
#include "dataplane/gateless.hh"
#include "dataplane/kernel_neighbours.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

unsigned free_number(const Crew::Stations& stations) {
  unsigned number = 0;
  const auto taken = [&](const auto& station) { return station->number == number; };
  while (std::any_of(stations.begin(), stations.end(), taken)) ++number;
  return number;
}

/// Drivers of the kernel's interfaces say "up" whatever happens: there the kernel is asked.
void read_link(const Station& station, PortCounters& counters) {
  if (const auto& interface = station.port.interface()) {
    const auto kernel = kernel_interface(*interface);
    counters.present = kernel.has_value();
    counters.link_up = kernel && kernel->running;
    return;
  }
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    rte_eth_link link{};
    const bool up = rte_eth_link_get_nowait(ethdev, &link) == 0 && link.link_status != 0;
    counters.link_up = counters.link_up && up;
    counters.present = counters.present && rte_eth_dev_is_removed(ethdev) != 1;
  }
  counters.link_up = counters.link_up && counters.present;
}

std::vector<VipMatch> vips_of(const TableCopy& table) {
  std::vector<VipMatch> matches;
  for (const fl_vip& vip : table.vips()) matches.push_back(match_of(vip));
  return matches;
}

void write_page(fl_port_page& page, const Station& station, const PortCounters& counters) {
  page.rx_packets = counters.rx_packets;
  page.rx_bytes = counters.rx_bytes;
  page.tx_packets = counters.tx_packets;
  page.tx_bytes = counters.tx_bytes;
  page.missed = counters.missed;
  page.errors = counters.errors;
  page.no_buffer = counters.no_buffer;
  page.stalls = station.watch.stalls();
  page.link_changes = station.watch.link_changes();
  page.link_up = counters.link_up ? 1 : 0;
  page.queues = station.port.queues();
  page.steering = station.port.steering();
  page.rules = static_cast<std::uint32_t>(station.port.rules().count());
}

void expect_moves(Forwarder& f) {
  if (const auto told = f.crew->expect_moves(f.stations); !told) sys::log_warn(told.error().what);
}

void tell_rules(const Station& station) {
  const FlowRules& rules = station.port.rules();
  sys::log_info(
      "steering port=" + std::to_string(station.number) +
      " in_force=" + to_string(station.port.steering()) +
      " rules=" + std::to_string(rules.count()) + " marks=" + (rules.marks() ? "yes" : "no") +
      (rules.stuck() == 0 ? "" : " stuck=" + std::to_string(rules.stuck())) +
      (rules.why().empty() ? "" : " no_rules_because='" + rules.why() + "'")
  );
}

/// Requires: no worker may touch it.
void close_port(Forwarder& f, Crew::Stations::iterator at) {
  const std::unique_ptr<Station> gone = std::move(*at);
  f.stations.erase(at);
  gone->port.close();
  if (gone->number < FL_MAX_PORTS) f.regions.workers.at<fl_workers>(0)->port[gone->number] = {};
  gone->drop_packets();
  gone->port.unplug();
}

/// After the workers could not be given the newest port: it goes, unless one that hangs was given
/// it meanwhile and may read its queues when it wakes.
base::Error take_back(Forwarder& f, base::Error why) {
  const auto at = f.stations.end() - 1;
  if (f.crew->may_touch(**at)) (void)f.crew->leave(f.stations, **at);
  if (f.crew->may_touch(**at)) {
    why.what += "; port " + std::to_string((*at)->number) +
                " stays until it answers: remove it then, or ask for workers again";
  } else {
    close_port(f, at);
  }
  return why;
}

}  // namespace

PortCounters counters_of(const Station& station) {
  PortCounters sum;
  for (const std::uint16_t ethdev : station.port.ethdevs()) {
    rte_eth_stats one{};
    if (rte_eth_stats_get(ethdev, &one) != 0) continue;
    sum.rx_packets += one.ipackets;
    sum.rx_bytes += one.ibytes;
    sum.tx_packets += one.opackets;
    sum.tx_bytes += one.obytes;
    sum.missed += one.imissed;
    sum.errors += one.ierrors + one.oerrors;
    sum.no_buffer += one.rx_nombuf;
  }
  read_link(station, sum);
  return sum;
}

void watch_ports(Forwarder& f, base::Nanoseconds now) {
  auto* workers = f.regions.workers.at<fl_workers>(0);
  bool link_changed = false;
  for (const auto& station : f.stations) {
    const PortCounters counters = counters_of(*station);
    const std::uint64_t changes = station->watch.link_changes();
    const std::string news = station->watch.look(counters, now);
    if (!news.empty()) {
      sys::log_warn(
          "port port=" + std::to_string(station->number) + " device=" + station->port.device() +
          " " + news
      );
    }
    link_changed = link_changed || changes != station->watch.link_changes();
    if (station->number >= FL_MAX_PORTS) continue;
    fl_port_page& page = workers->port[station->number];
    write_page(page, *station, counters);
    __atomic_store_n(&page.updated_ns, now, __ATOMIC_RELEASE);
  }
  // The router sends a lost link's flows over another port, whose queues are other workers'.
  if (link_changed && f.stations.size() > 1) expect_moves(f);
}

void follow_vips(Forwarder& f) {
  const std::vector<VipMatch> vips = vips_of(f.table);
  bool moved = false;
  for (const auto& station : f.stations) {
    const std::size_t before = station->port.rules().count();
    const std::string why = station->port.rules().why();
    moved = station->port.follow_vips(vips) || moved;
    if (before != station->port.rules().count() || why != station->port.rules().why()) {
      tell_rules(*station);
    }
  }
  if (moved) expect_moves(f);
}

base::Result<unsigned> add_port(Forwarder& f, const model::Port& asked) {
  if (f.crew->running() == 0) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition, "nobody would serve it now; start forwarding first"
    );
  }
  if (const auto interface = kernel_interface_of(asked.device)) {
    FL_TRY(kernel_interface(*interface));
  }
  model::Port port = asked;
  port.device = device_in_force(f.config.runtime_dir, asked.device);
  const auto same = [&](const auto& station) { return station->port.device() == port.device; };
  if (std::any_of(f.stations.begin(), f.stations.end(), same)) {
    return base::fail(
        base::ErrorCode::kAlreadyExists,
        base::quoted(port.device) + " is a port already; see show port"
    );
  }
  const unsigned number = free_number(f.stations);
  if (number >= FL_MAX_PORTS) {
    return base::fail(
        base::ErrorCode::kResourceExhausted,
        "there are " + std::to_string(FL_MAX_PORTS) + " ports already; remove one first"
    );
  }
  Station::Setup setup = f.station_setup(port, number);
  setup.queues.least = 1;  // a worker without a queue here has others
  setup.plug = true;
  FL_ASSIGN(std::unique_ptr<Station> station, Station::open(setup));
  for (unsigned w = 0; w < f.crew->running(); ++w) station->neighbours->begin(w);
  f.stations.push_back(std::move(station));
  if (auto arranged = f.crew->arrange(f.stations, f.crew->running()); !arranged) {
    return tl::unexpected<base::Error>(take_back(f, arranged.error()));
  }
  (void)f.stations.back()->port.follow_vips(vips_of(f.table));
  tell_rules(*f.stations.back());
  return number;
}

base::Result<void> remove_port(Forwarder& f, unsigned number) {
  const auto at = std::find_if(f.stations.begin(), f.stations.end(), [&](const auto& station) {
    return station->number == number;
  });
  if (at == f.stations.end()) {
    return base::fail(
        base::ErrorCode::kNotFound, "no port " + std::to_string(number) + "; see show port"
    );
  }
  if (f.stations.size() == 1) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "port " + std::to_string(number) + " is the last one; add another first"
    );
  }
  FL_TRY(f.crew->leave(f.stations, **at));
  (*at)->carry(sys::monotonic_ns());
  const std::string device = (*at)->port.device();
  close_port(f, at);
  sys::log_info("port removed port=" + std::to_string(number) + " device=" + device);
  return {};
}

}  // namespace fairlead::dataplane
