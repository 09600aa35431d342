// SPDX-License-Identifier: BSD-3-Clause
// Stage 5: outer headers, next hop, traffic counters.
#include "dataplane/net/encap.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/path/candidates.hh"
#include "dataplane/path/new_flow_meter.hh"
#include "dataplane/path/outer_room.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/underlay.hh"

namespace fairlead::path {
namespace {

/// Drops packet i; for stages' functions that return whether it is forwarded. Too big: its sender
/// is told.
[[gnu::noinline]] bool refuse(Burst& burst, unsigned i, fl_reason reason) {
  if (reason == FL_REASON_TOO_BIG) {
    drop_and_tell(burst, i, reason);
  } else {
    drop(burst, i, reason);
  }
  return false;
}

/// Bytes of a frame that count for the port's MTU: all behind the first Ethernet header. VLAN tags
/// do, because not every port and switch gives tagged frames more than 1518 bytes.
std::uint32_t mtu_bytes(const net::ParsedPacket& packet, unsigned outer) {
  return packet.l3_offset + outer + packet.ip_bytes -
         static_cast<std::uint32_t>(sizeof(net::EthernetHeader));
}

/// L2 direct return: the packet stays as it is, only the addresses of the frame change. True if
/// the packet is forwarded.
bool forward_l2(const WorkerContext& context, Burst& burst, unsigned i, const fl_member& member) {
  const net::ParsedPacket& packet = burst.parsed[i];
  if (mtu_bytes(packet, 0) > context.hops.mtu) return refuse(burst, i, FL_REASON_TOO_BIG);
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
  if (mtu_bytes(burst.parsed[i], outer) > context.hops.mtu) return FL_REASON_TOO_BIG;
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

/// The addresses of a GUE hop list, as they go on the wire; none for nearly all packets.
struct NoHops {
  static constexpr unsigned count = 0;
  static constexpr std::span<const std::uint8_t> bytes() { return {}; }
};
struct Hops {
  unsigned count = 0;
  std::size_t hop_bytes = FL_GUE_HOP_BYTES;
  std::array<std::uint8_t, FL_GUE_MAX_HOPS6 * FL_GUE_HOP6_BYTES> content{};
  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {content.data(), count * hop_bytes};
  }
};
static_assert(FL_GUE_MAX_HOPS6 * FL_GUE_HOP6_BYTES >= FL_GUE_MAX_HOPS * FL_GUE_HOP_BYTES);

/// A template, so that what the four kinds of tunnel differ in is not asked for every packet again.
/// True if the packet is forwarded.
template <Shape kShape, std::uint8_t kFamily, typename HopList = NoHops>
bool forward_tunnel(
    const WorkerContext& context,
    Burst& burst,
    unsigned i,
    const fl_member& member,
    const Underlay& underlay,
    const HopList& hops = {}
) {
  const net::ParsedPacket& packet = burst.parsed[i];
  const unsigned outer =
      kShape == Shape::kGue ? net::gue_bytes(kFamily, hops.count) : net::ipip_bytes(kFamily);
  if (mtu_bytes(packet, outer) > underlay.largest || burst.headroom[i] < outer) [[unlikely]]
    return refuse(burst, i, obstacle(context, burst, i, outer, underlay.source != nullptr));

  std::uint8_t* const inner = burst.data[i] + packet.l3_offset;
  net::decrement_ttl(inner, packet.tuple.family);
  write_frame(context, burst, i, inner - outer, kFamily, underlay);
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
    net::write_gue(inner, tunnel, hops.bytes());
  } else {
    net::write_ipip(inner, tunnel);
  }
  // The stated length counts: Ethernet padding behind the inner packet is cut off.
  const std::uint32_t frame_bytes = packet.l3_offset + outer + packet.ip_bytes;
  burst.packet_bytes[i] = frame_bytes;
  burst.length[i] = std::min(burst.length[i] + outer, frame_bytes);
  burst.headroom[i] -= outer;
  return true;
}

/// Room that a frame has in front if it is moved back in its buffer: all that it does not take. One
/// in several pieces fills its first buffer, and stays.
unsigned most_headroom(const WorkerContext& context, const Burst& burst, unsigned i) {
  const bool whole = burst.length[i] == burst.packet_bytes[i];
  if (!whole || context.buffer_bytes < burst.length[i]) return burst.headroom[i];
  return std::max(burst.headroom[i], context.buffer_bytes - burst.length[i]);
}

/// Moves a frame back in its buffer until `outer` bytes are free in front: long lists of IPv6 hops
/// need more than the usual headroom. Requires: most_headroom().
void make_headroom(Burst& burst, unsigned i, unsigned outer) {
  if (outer <= burst.headroom[i]) return;
  const unsigned by = outer - burst.headroom[i];
  std::memmove(burst.data[i] + by, burst.data[i], burst.length[i]);
  burst.data[i] += by;
  burst.headroom[i] = outer;
}

/// Most hops of a packet. A packet that belongs to no connection passes through everybody whom it
/// names, so in a flood of them lists are no longer than those that clients are told of
/// (docs/data-path.md, "Floods"). Each packet counts, also of a flow that was adopted: one forged
/// ACK would do to adopt it.
unsigned most_hops_now(WorkerContext& context, const fl_vip& vip, std::uint8_t outer_family) {
  const unsigned told = most_hops(vip, outer_family);
  const unsigned longest =
      fl_longest_list(vip.choices, vip.encapsulation, vip.protocol, outer_family, vip.pool_size);
  if (longest == told) return told;
  const std::uint32_t limit = context.table.bank().new_flow_limit;
  refill(context.long_lists, limit, context.now);
  return take_credit(context.long_lists, limit) ? longest : told;
}

/// The backend is a guess, since nobody here saw the connection begin: GUE names the others that
/// may have it, as many as fit. True if the packet is forwarded.
template <std::uint8_t kFamily>
[[gnu::noinline]] bool forward_seeking(
    WorkerContext& context,
    Burst& burst,
    unsigned i,
    const fl_member& member,
    const Underlay& underlay
) {
  std::array<const fl_member*, FL_GUE_MAX_HOPS> others;
  Hops hops;
  hops.hop_bytes = kFamily == 6 ? FL_GUE_HOP6_BYTES : FL_GUE_HOP_BYTES;
  const unsigned most = most_hops_now(context, *burst.vip[i], kFamily);
  hops.count = others_to_ask(context.table, *burst.vip[i], burst.hash[i], member, others, most);
  const unsigned room = most_headroom(context, burst, i);
  const auto fits = [&] {
    const unsigned outer = net::gue_bytes(kFamily, hops.count);
    return mtu_bytes(burst.parsed[i], outer) <= underlay.largest && outer <= room;
  };
  while (hops.count > 0 && !fits()) --hops.count;
  if (hops.count > 0) make_headroom(burst, i, net::gue_bytes(kFamily, hops.count));
  for (unsigned h = 0; h < hops.count; ++h)
    std::memcpy(&hops.content[h * hops.hop_bytes], others[h]->address, hops.hop_bytes);
  if (!forward_tunnel<Shape::kGue, kFamily>(context, burst, i, member, underlay, hops))
    return false;
  context.page->hop_lists += hops.count > 0 ? 1 : 0;
  return true;
}

/// True if the packet is forwarded.
bool forward(
    WorkerContext& context,
    Burst& burst,
    unsigned i,
    const fl_member& member,
    const Underlay& over4,
    const Underlay& over6
) {
  const std::uint8_t encapsulation = burst.vip[i]->encapsulation;
  if (encapsulation == FL_ENCAP_L2) return forward_l2(context, burst, i, member);
  if (encapsulation == FL_ENCAP_GUE) {
    if ((burst.seeking >> i & 1U) != 0) [[unlikely]]
      return member.family == 6 ? forward_seeking<6>(context, burst, i, member, over6)
                                : forward_seeking<4>(context, burst, i, member, over4);
    return member.family == 6 ? forward_tunnel<Shape::kGue, 6>(context, burst, i, member, over6)
                              : forward_tunnel<Shape::kGue, 4>(context, burst, i, member, over4);
  }
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
