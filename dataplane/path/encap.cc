// SPDX-License-Identifier: BSD-3-Clause
// Stage 5: outer headers, next hop, traffic counters.
#include "dataplane/net/encap.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/path/pipeline.hh"
#include "dataplane/path/underlay.hh"

namespace fairlead::path {
namespace {

/// The backend's MAC for L2 direct return: from the table, else as resolved; zero: unknown.
net::MacAddr backend_mac(const NextHops& hops, const fl_member& member) {
  net::MacAddr mac;
  std::memcpy(mac.bytes.data(), member.mac, sizeof member.mac);
  if (mac.is_zero() && member.backend < hops.backend_macs.size())
    mac = hops.backend_macs[member.backend];
  return mac;
}

/// Drops packet i; for stages' functions that return whether it is forwarded.
bool refuse(Burst& burst, unsigned i, fl_reason reason) {
  drop(burst, i, reason);
  return false;
}

/// L2 direct return: the packet stays as it is, only the addresses of the frame change. True if
/// the packet is forwarded.
bool forward_l2(const WorkerContext& context, Burst& burst, unsigned i, const fl_member& member) {
  const net::ParsedPacket& packet = burst.parsed[i];
  if (packet.ip_bytes > context.hops.mtu) return refuse(burst, i, FL_REASON_TOO_BIG);
  const net::MacAddr mac = backend_mac(context.hops, member);
  if (mac.is_zero()) return refuse(burst, i, FL_REASON_NO_NEXT_HOP);
  std::uint8_t* const l3 = burst.data[i] + packet.l3_offset;
  net::decrement_ttl(l3, packet.tuple.family);
  net::write_ethernet(
      l3, burst.data[i], packet.vlan_tags, packet.tuple.family, mac, context.hops.own
  );
  return true;
}

/// Why a packet cannot be tunnelled.
[[gnu::noinline]] fl_reason obstacle(
    const WorkerContext& context, const Burst& burst, unsigned i, unsigned outer, bool has_source
) {
  if (burst.parsed[i].ip_bytes + outer > context.hops.mtu) return FL_REASON_TOO_BIG;
  if (burst.headroom[i] < outer) return FL_REASON_NO_HEADROOM;
  return has_source ? FL_REASON_NO_NEXT_HOP : FL_REASON_NO_SOURCE_ADDRESS;
}

/// The Ethernet header in front of the outer header at `l3`; sets data[i]. (Always inlined: a call
/// in the middle of forward_tunnel() costs as much as the work.)
[[gnu::always_inline]] inline void write_frame(
    const WorkerContext& context,
    Burst& burst,
    unsigned i,
    std::uint8_t* l3,
    std::uint8_t family,
    const Underlay& underlay
) {
  const unsigned tags = burst.parsed[i].vlan_tags;
  if (tags != 0) [[unlikely]] {
    burst.data[i] = net::write_ethernet(
        l3, burst.data[i], tags, family, gateway(context.hops, family), context.hops.own
    );
    return;
  }
  burst.data[i] = l3 - sizeof(net::EthernetHeader);
  std::memcpy(burst.data[i], &underlay.ethernet[0], 8);
  std::memcpy(l3 - 8, &underlay.ethernet[1], 8);
}

enum class Shape { kIpip, kGue };

/// A template, so that what the four kinds of tunnel differ in is not asked for every packet again.
/// True if the packet is forwarded.
template <Shape kShape, std::uint8_t kFamily>
bool forward_tunnel(
    const WorkerContext& context,
    Burst& burst,
    unsigned i,
    const fl_member& member,
    const Underlay& underlay
) {
  const net::ParsedPacket& packet = burst.parsed[i];
  constexpr unsigned kOuter =
      kShape == Shape::kGue ? net::gue_bytes(kFamily, 0) : net::ipip_bytes(kFamily);
  if (packet.ip_bytes + kOuter > underlay.largest || burst.headroom[i] < kOuter) [[unlikely]]
    return refuse(burst, i, obstacle(context, burst, i, kOuter, underlay.source != nullptr));

  std::uint8_t* const inner = burst.data[i] + packet.l3_offset;
  net::decrement_ttl(inner, packet.tuple.family);
  write_frame(context, burst, i, inner - kOuter, kFamily, underlay);
  const net::Tunnel tunnel{
      .source = underlay.source,
      .destination = member.address,
      .inner_bytes = packet.ip_bytes,
      .hash = burst.hash[i],
      .family = kFamily,
      .inner_family = packet.tuple.family,
      .traffic_class = packet.traffic_class,
  };
  if constexpr (kShape == Shape::kGue) {
    net::write_gue(inner, tunnel);
  } else {
    net::write_ipip(inner, tunnel);
  }
  // The stated length counts: Ethernet padding behind the inner packet is cut off.
  const std::uint32_t frame_bytes = packet.l3_offset + kOuter + packet.ip_bytes;
  burst.packet_bytes[i] = frame_bytes;
  burst.length[i] = std::min(burst.length[i] + kOuter, frame_bytes);
  burst.headroom[i] -= kOuter;
  return true;
}

/// True if the packet is forwarded.
bool forward(
    const WorkerContext& context,
    Burst& burst,
    unsigned i,
    const fl_member& member,
    const Underlay& over4,
    const Underlay& over6
) {
  const std::uint8_t encapsulation = burst.vip[i]->encapsulation;
  if (encapsulation == FL_ENCAP_L2) return forward_l2(context, burst, i, member);
  if (encapsulation == FL_ENCAP_GUE)
    return member.family == 6 ? forward_tunnel<Shape::kGue, 6>(context, burst, i, member, over6)
                              : forward_tunnel<Shape::kGue, 4>(context, burst, i, member, over4);
  return member.family == 6 ? forward_tunnel<Shape::kIpip, 6>(context, burst, i, member, over6)
                            : forward_tunnel<Shape::kIpip, 4>(context, burst, i, member, over4);
}

/// Traffic of vips. Packets in a row often belong to one: its counters are written when another's
/// turn comes.
class VipTraffic {
 public:
  explicit VipTraffic(fl_worker_page& page) : page_(page) {}
  VipTraffic(const VipTraffic&) = delete;
  VipTraffic& operator=(const VipTraffic&) = delete;
  ~VipTraffic() { write(); }
  void add(const fl_vip* vip, std::uint32_t bytes) {
    if (vip != vip_) {
      write();
      vip_ = vip;
    }
    ++packets_;
    bytes_ += bytes;
  }

 private:
  void write() {
    if (vip_ == nullptr) return;
    page_.vips[vip_->vip].packets += packets_;
    page_.vips[vip_->vip].bytes += bytes_;
    packets_ = 0;
    bytes_ = 0;
  }

  fl_worker_page& page_;
  const fl_vip* vip_ = nullptr;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

void encap(WorkerContext& context, Burst& burst) {
  if (burst.live_count == 0) return;
  const Underlay over4 = underlay_of(context, 4);
  const Underlay over6 = underlay_of(context, 6);
  VipTraffic traffic(*context.page);
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const unsigned i = burst.live[k];
    const fl_member* const member = burst.chosen[i];
    if (member == nullptr) continue;  // dropped by select
    burst.backend[i] = member->backend;
    if (!forward(context, burst, i, *member, over4, over6)) [[unlikely]]
      continue;
    const std::uint32_t bytes = burst.parsed[i].ip_bytes;
    traffic.add(burst.vip[i], bytes);
    fl_backend_counters& backend = context.page->backends[member->backend];
    ++backend.packets;
    backend.bytes += bytes;
  }
}

}  // namespace fairlead::path
