// SPDX-License-Identifier: BSD-3-Clause
// Between DPDK's buffers and the stages' Burst. The only place that touches mbuf geometry.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/net/wire.hh"
#include "dataplane/path/burst.hh"

namespace fairlead::dataplane {

[[nodiscard]] inline unsigned bursts_in(std::size_t packets) {
  return static_cast<unsigned>((packets + path::kBurstPackets - 1) / path::kBurstPackets);
}
/// The k-th burst of `packets`; behind the last an empty one.
[[nodiscard]] inline std::span<rte_mbuf*> burst_of(std::span<rte_mbuf*> packets, unsigned k) {
  const std::size_t first = std::min<std::size_t>(k * path::kBurstPackets, packets.size());
  return packets.subspan(first, std::min<std::size_t>(packets.size() - first, path::kBurstPackets));
}

/// Asks the cache for the frames' first lines, ahead of load_burst().
inline void prefetch_frames(std::span<rte_mbuf* const> packets) {
  for (const rte_mbuf* packet : packets) rte_prefetch0(rte_pktmbuf_mtod(packet, void*));
}

/// Describes received packets to the stages. Requires: at most path::kBurstPackets.
inline void load_burst(path::Burst& burst, std::span<rte_mbuf* const> packets) {
  const auto count = static_cast<unsigned>(packets.size());
  burst.count = count;
  for (unsigned i = 0; i < count; ++i) {
    const rte_mbuf* m = packets[i];
    burst.data[i] = rte_pktmbuf_mtod(m, std::uint8_t*);
    burst.length[i] = m->data_len;
    burst.packet_bytes[i] = m->pkt_len;
    burst.headroom[i] = m->data_off;
  }
}

/// Cuts a packet, which may have several segments, to `bytes`.
inline void cut_tail(rte_mbuf* packet, std::uint32_t bytes) {
  std::uint32_t before = 0;
  std::uint16_t segments = 1;
  rte_mbuf* last = packet;
  while (before + last->data_len < bytes && last->next != nullptr) {
    before += last->data_len;
    last = last->next;
    ++segments;
  }
  last->data_len =
      static_cast<std::uint16_t>(std::min<std::uint32_t>(last->data_len, bytes - before));
  rte_mbuf* rest = last->next;
  last->next = nullptr;
  if (rest != nullptr) rte_pktmbuf_free(rest);
  packet->nb_segs = segments;
  packet->pkt_len = bytes;
}

/// Makes the buffer say what burst.data[i] and burst.packet_bytes[i] say after the stages.
/// Requires: the verdict is kForward or kAnswer.
inline void apply_frame(rte_mbuf* packet, const path::Burst& burst, unsigned i) {
  const std::ptrdiff_t grown = rte_pktmbuf_mtod(packet, std::uint8_t*) - burst.data[i];
  packet->data_off = static_cast<std::uint16_t>(packet->data_off - grown);
  packet->data_len = static_cast<std::uint16_t>(packet->data_len + grown);
  packet->pkt_len = static_cast<std::uint32_t>(packet->pkt_len + grown);
  if (packet->pkt_len < burst.packet_bytes[i]) [[unlikely]] {
    // It was moved back in its buffer, so it has grown by more than its start has moved forward.
    const std::uint32_t more = burst.packet_bytes[i] - packet->pkt_len;
    packet->data_len = static_cast<std::uint16_t>(packet->data_len + more);
    packet->pkt_len += more;
  }
  if (packet->pkt_len > burst.packet_bytes[i]) cut_tail(packet, burst.packet_bytes[i]);
}

/// Leaves the checksum of the outer header, if that is IPv4, to the port: to it the packet is a
/// plain IPv4 packet without options, whatever is inside. The stages have summed the header already
/// (docs/wire-format.md says why they do not ask); drivers want zero in its place.
/// Requires: the frame is a tunnel of ours, at least its Ethernet and outer IP header in one piece.
inline void leave_checksum(rte_mbuf* packet) {
  std::uint8_t* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
  std::size_t l2 = sizeof(net::EthernetHeader);
  const auto type_is = [&](net::be16 type) {
    return *net::header_at<net::be16>(frame + l2 - sizeof type) == type;
  };
  while (type_is(net::kEtherVlan) || type_is(net::kEtherQinq)) l2 += sizeof(net::VlanTag);
  if (!type_is(net::kEtherIpv4)) return;
  net::write_as<net::Ipv4Header>(frame + l2)->checksum = net::be16::from_raw(0);
  packet->tx_offload = rte_mbuf_tx_offload(l2, sizeof(net::Ipv4Header), 0, 0, 0, 0, 0);
  packet->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
}

}  // namespace fairlead::dataplane
