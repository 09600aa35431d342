// SPDX-License-Identifier: BSD-3-Clause
// Stage 5 for plain packets: tunnels for eight at once.
#include <bit>
#include <cstring>

#include "dataplane/net/outer_lanes.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/underlay.hh"

namespace fairlead::path {
namespace {

using net::all_lanes;
using net::Lanes;
using net::TunnelShape;

/// Which packets are to get which tunnel: bit i.
struct Wanted {
  std::uint32_t ipip4 = 0;
  std::uint32_t ipip6 = 0;
  std::uint32_t gue4 = 0;
  std::uint32_t gue6 = 0;
};

/// Plain packets that the stages found a backend for: bit i. From here on they are wrapped like
/// those that were kept.
std::uint32_t placed(Burst& burst) {
  std::uint32_t out = 0;
  for (unsigned v = 0; v < burst.plain_vip_count; ++v) {
    const auto [vip, packets] = burst.plain_vips[v];
    for (std::uint32_t left = packets & ~burst.kept; left != 0; left &= left - 1) {
      const auto i = static_cast<unsigned>(__builtin_ctz(left));
      const fl_member* const member = burst.chosen[i];
      if (member == nullptr) continue;  // dropped
      place(burst, i, burst.member[i], *member);
      out |= 1U << i;
    }
  }
  return out;
}

Wanted wanted_tunnels(const Burst& burst, std::uint32_t candidates) {
  Wanted out;
  for (unsigned v = 0; v < burst.plain_vip_count; ++v) {
    const auto [vip, of_vip] = burst.plain_vips[v];
    const std::uint32_t packets = of_vip & candidates;
    if (vip->encapsulation == FL_ENCAP_IPIP) {
      out.ipip4 |= packets & ~burst.over6;
      out.ipip6 |= packets & burst.over6;
    } else if (vip->encapsulation == FL_ENCAP_GUE) {
      out.gue4 |= packets & ~burst.over6;
      out.gue6 |= packets & burst.over6;
    }
  }
  return out;
}

/// The low halves of eight flow hashes.
Lanes low_halves(const std::uint64_t* hash) {
  const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(hash));
  const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(hash + 4));
  const __m256 even = _mm256_shuffle_ps(
      _mm256_castsi256_ps(first), _mm256_castsi256_ps(second), _MM_SHUFFLE(2, 0, 2, 0)
  );
  return reinterpret_cast<Lanes>(
      _mm256_permute4x64_epi64(_mm256_castps_si256(even), _MM_SHUFFLE(3, 1, 2, 0))
  );
}

/// The packets that fit into the MTU and whose buffers have room in front.
std::uint32_t fitting(const Burst& burst, unsigned at, std::uint32_t outer, std::uint32_t largest) {
  const Lanes too_big =
      net::above(net::load_lanes(&burst.plain.ip_bytes[at]) + outer, all_lanes(largest));
  const Lanes no_room = net::above(all_lanes(outer), net::load_lanes(&burst.headroom[at]));
  return ~net::bits_of(too_big | no_room) & 0xffU;
}

/// The frames became longer by `outer`. The stated length counts: Ethernet padding behind the inner
/// packet is cut off.
void resize(Burst& burst, unsigned at, std::uint32_t bits, std::uint32_t outer) {
  const Lanes mask = net::lanes_of(bits);
  const Lanes length = net::load_lanes(&burst.length[at]);
  const Lanes old_bytes = net::load_lanes(&burst.packet_bytes[at]);
  const Lanes bytes = net::load_lanes(&burst.plain.ip_bytes[at]) + (outer + net::plain::kEthernet);
  const Lanes longer = length + outer;
  const Lanes cut = net::choose(net::above(longer, bytes), bytes, longer);
  net::store_lanes(&burst.packet_bytes[at], net::choose(mask, bytes, old_bytes));
  net::store_lanes(&burst.length[at], net::choose(mask, cut, length));
  net::store_lanes(&burst.headroom[at], net::load_lanes(&burst.headroom[at]) - (mask & outer));
}

/// Tunnels of one shape for the packets at [at, at + 8) that `bits` says. Returns those that were
/// sent on their way.
template <TunnelShape kShape, std::uint8_t kFamily>
std::uint32_t wrap(
    WorkerContext& context, Burst& burst, unsigned at, std::uint32_t bits, const Underlay& underlay
) {
  constexpr unsigned kOuter = net::outer_bytes(kShape, kFamily);
  bits &= fitting(burst, at, kOuter, underlay.largest);
  if (bits == 0) return 0;
  const Lanes inner6 = net::lanes_of(burst.plain.v6 >> at & 0xffU);
  const std::uint32_t v4 = burst.plain.v4 >> at;
  const net::TunnelLanes tunnel{
      .source = underlay.source,
      .inner_bytes = net::load_lanes(&burst.plain.ip_bytes[at]),
      .traffic_class = net::load_lanes(&burst.plain.traffic_class[at]),
      .inner_protocol = net::choose(
          inner6,
          all_lanes(static_cast<std::uint32_t>(net::IpProto::kIpv6)),
          all_lanes(static_cast<std::uint32_t>(net::IpProto::kIpip))
      ),
      .hash = low_halves(&burst.hash[at]),
  };
  net::OuterRows rows;
  net::make_rows<kShape, kFamily>(tunnel, net::load_lanes(&burst.outer4[at]), rows);
  alignas(32) std::uint32_t ttl_words[net::kLanes];
  net::store_lanes(ttl_words, net::decremented_ttl4(net::load_lanes(&burst.plain.ttl_word[at])));
  for (std::uint32_t left = bits; left != 0; left &= left - 1) {
    const auto k = static_cast<unsigned>(__builtin_ctz(left));
    const unsigned i = at + k;
    const fl_member& member = *burst.chosen[i];
    std::uint8_t* const inner = burst.data[i] + net::plain::kEthernet;
    if ((v4 >> k & 1U) != 0) {
      net::detail::store32(inner + 8, ttl_words[k]);
    } else {
      --inner[7];
    }
    if constexpr (kFamily == 4) {
      net::copy_rows4<kShape>(inner, rows, k, burst.outer4[i]);
    } else {
      net::copy_rows6<kShape>(inner, rows, k, underlay.source, member.address);
    }
    std::uint8_t* const frame = inner - kOuter - net::plain::kEthernet;
    net::detail::store64(frame, underlay.ethernet[0]);
    net::detail::store64(frame + 6, underlay.ethernet[1]);
    burst.data[i] = frame;
    fl_backend_counters& backend = context.page->backends[member.backend];
    ++backend.packets;
    backend.bytes += burst.plain.ip_bytes[i];
  }
  resize(burst, at, bits, kOuter);
  return bits;
}

template <TunnelShape kShape, std::uint8_t kFamily>
std::uint32_t wrap_all(WorkerContext& context, Burst& burst, std::uint32_t packets) {
  if (packets == 0) return 0;
  const Underlay underlay = underlay_of(context, kFamily);
  std::uint32_t sent = 0;
  for (unsigned at = 0; at < burst.count; at += net::kLanes)
    sent |= wrap<kShape, kFamily>(context, burst, at, packets >> at & 0xffU, underlay) << at;
  return sent;
}

/// Bytes of the packets.
std::uint64_t bytes_of(const Burst& burst, std::uint32_t packets) {
  Lanes sum{};
  for (unsigned at = 0; at < burst.count; at += net::kLanes)
    sum += net::load_lanes(&burst.plain.ip_bytes[at]) & net::lanes_of(packets >> at & 0xffU);
  std::uint64_t out = 0;
  for (unsigned i = 0; i < net::kLanes; ++i) out += sum[i];
  return out;
}

/// Takes packets out of `live`.
void forget_live(Burst& burst, std::uint32_t packets) {
  unsigned kept = 0;
  for (unsigned k = 0; k < burst.live_count; ++k) {
    const std::uint8_t i = burst.live[k];
    burst.live[kept] = i;
    kept += (packets >> i & 1U) ^ 1U;
  }
  burst.live_count = kept;
}

}  // namespace

void encap_plain(WorkerContext& context, Burst& burst) {
  if (burst.plain_vip_count == 0) return;
  // What is only a guess may need a list of others to ask, which encap() writes.
  const std::uint32_t joined = placed(burst) & ~burst.seeking;
  const Wanted wanted = wanted_tunnels(burst, burst.kept | joined);
  std::uint32_t sent = wrap_all<TunnelShape::kIpip, 4>(context, burst, wanted.ipip4);
  sent |= wrap_all<TunnelShape::kIpip, 6>(context, burst, wanted.ipip6);
  sent |= wrap_all<TunnelShape::kGue, 4>(context, burst, wanted.gue4);
  sent |= wrap_all<TunnelShape::kGue, 6>(context, burst, wanted.gue6);
  for (unsigned v = 0; v < burst.plain_vip_count; ++v) {
    const auto [vip, packets] = burst.plain_vips[v];
    fl_vip_counters& counters = context.page->vips[vip->vip];
    counters.packets += static_cast<unsigned>(std::popcount(packets & sent));
    counters.bytes += bytes_of(burst, packets & sent);
  }
  if ((joined & sent) != 0) forget_live(burst, sent);
  for (std::uint32_t rest = burst.kept & ~sent; rest != 0; rest &= rest - 1) {
    handle_singly(burst, static_cast<unsigned>(__builtin_ctz(rest)));
  }
}

}  // namespace fairlead::path
