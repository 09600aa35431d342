// SPDX-License-Identifier: BSD-3-Clause
// Opens ports with what belongs to them.
#include "dataplane/station.hh"

#include <cstring>
#include <utility>

#include "dataplane/sys/log.hh"

namespace fairlead::dataplane {
namespace {

PuntPath punt_path(const Port& port, const model::Port& configured) {
  if (port.interface()) return PuntPath::kNone;
  return configured.punt_tap.empty() ? PuntPath::kNeighbours : PuntPath::kTap;
}

}  // namespace

base::Result<std::unique_ptr<Station>> Station::open(const Setup& setup) {
  const std::string& device = setup.configured.device;
  const PortWishes wishes{setup.configured.checksums, setup.configured.mtu};
  auto opened = setup.plug ? Port::plug(device, setup.number, setup.queues, wishes)
                           : Port::open(device, setup.number, setup.queues, wishes);
  if (!opened) return tl::unexpected<base::Error>(opened.error());
  const PuntPath path = punt_path(*opened, setup.configured);
  std::unique_ptr<Station> station(new Station(std::move(*opened), setup.number, path));
  station->owners.assign(station->port.queues(), kNobody);
  if (const auto fitted = station->fit_out(setup); !fitted) {
    if (setup.plug) station->port.unplug();
    return tl::unexpected<base::Error>(fitted.error());
  }
  station->tell();
  return station;
}

base::Result<void> Station::fit_out(const Setup& setup) {
  if (punt != PuntPath::kNone) FL_TRY(make_rings(setup.queues.wanted));
  return resolve_with(setup);
}

base::Result<void> Station::make_rings(unsigned workers) {
  const std::string name = "fl_p" + std::to_string(number);
  FL_ASSIGN(PacketRing out, PacketRing::create(name + "out"));
  from_main.push_back(std::move(out));
  for (unsigned w = 0; w < workers; ++w) {
    FL_ASSIGN(PacketRing in, PacketRing::create(name + "in" + std::to_string(w)));
    to_main.push_back(std::move(in));
  }
  return {};
}

base::Result<void> Station::resolve_with(const Setup& setup) {
  Neighbours::Setup next;
  next.port = setup.configured;
  next.interface = port.interface();
  next.follow_interface = next.interface.has_value();
  if (punt == PuntPath::kTap) {
    FL_ASSIGN(Tap opened, Tap::open(number, setup.configured.punt_tap, port.mac()));
    tap = std::make_unique<Tap>(std::move(opened));
    next.interface = setup.configured.punt_tap;
  }
  next.own = {port.mac(), setup.node.address, setup.node.address6};
  next.mtu = port.mtu();
  next.workers = setup.queues.wanted;
  if (punt != PuntPath::kNone) {
    next.send = [this, pool = setup.main_pool](const Frame& frame) { send(pool, frame); };
  }
  neighbours = std::make_unique<Neighbours>(std::move(next));
  return {};
}

void Station::tell() const {
  const QueueSizes& sizes = port.sizes();
  const std::uint64_t buffers = std::uint64_t{sizes.buffers} * port.queues();
  sys::log_info(
      "port up port=" + std::to_string(number) + " device=" + port.device() +
      " driver=" + port.driver() + " mac=" + port.mac().to_string() +
      " mtu=" + std::to_string(port.mtu()) + " queues=" + std::to_string(port.queues()) +
      " rx_descriptors=" + std::to_string(sizes.rx_descriptors) +
      " tx_descriptors=" + std::to_string(sizes.tx_descriptors) +
      " buffers_per_queue=" + std::to_string(sizes.buffers) + " buffer_memory_mb=" +
      std::to_string(buffers * (RTE_MBUF_DEFAULT_BUF_SIZE + sizeof(rte_mbuf)) >> 20) +
      " socket=" + std::to_string(port.socket()) + " rss='" + describe(port.rss()) +
      "' indirection=" + std::to_string(port.table().size()) + " checksums='" +
      describe(port.checksums()) + "'"
  );
}

// By worker 0; if its ring is full the frame is lost, and asked again later.
void Station::send(rte_mempool* pool, const Frame& frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool);
  if (packet == nullptr) return;
  char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size));
  std::memcpy(room, frame.bytes.data(), frame.size);
  if (!from_main[0].push(packet)) rte_pktmbuf_free(packet);
}

bool Station::carry(base::Nanoseconds now) {
  bool any = false;
  for (PacketRing& ring : to_main) {
    while (rte_mbuf* packet = ring.pop()) {
      any = true;
      if (tap) {
        tap->to_kernel(packet);
        continue;
      }
      neighbours->heard({rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len}, now);
      rte_pktmbuf_free(packet);
    }
  }
  if (!tap) return any;
  while (rte_mbuf* packet = tap->from_kernel()) {
    any = true;
    if (!from_main[0].push(packet)) rte_pktmbuf_free(packet);
  }
  return any;
}

void Station::drop_packets() {
  for (PacketRing& ring : to_main) {
    while (rte_mbuf* packet = ring.pop()) rte_pktmbuf_free(packet);
  }
  for (PacketRing& ring : from_main) {
    while (rte_mbuf* packet = ring.pop()) rte_pktmbuf_free(packet);
  }
}

}  // namespace fairlead::dataplane
