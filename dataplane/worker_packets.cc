// SPDX-License-Identifier: BSD-3-Clause
// What a worker does with packets: from a receive queue through the stages to a transmit queue.
#include <array>
#include <span>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "dataplane/neighbour_wire.hh"
#include "dataplane/packet_io.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/worker.hh"

namespace fairlead::dataplane {
namespace {

// A full transmit ring is offered the rest this many times more: an AF_XDP kick frees descriptors
// in between, and waiting longer would only move the loss to the receive ring.
constexpr unsigned kTransmitRetries = 2;

}  // namespace

void Worker::transmit(Queue queue, rte_mbuf** packets, unsigned count) {
  if (tap_.active()) [[unlikely]]
    tap_.sent({packets, count});
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) bytes += packets[i]->pkt_len;
  unsigned sent = 0;
  for (unsigned attempt = 0; attempt <= kTransmitRetries && sent < count; ++attempt) {
    sent += rte_eth_tx_burst(
        queue.ethdev, queue.queue, packets + sent, static_cast<std::uint16_t>(count - sent)
    );
  }
  for (unsigned i = sent; i < count; ++i) {
    bytes -= packets[i]->pkt_len;
    path::count_late_drop(*context_.page, FL_REASON_TX_FULL);
    tap_.dropped(packets[i], FL_REASON_TX_FULL);
    rte_pktmbuf_free(packets[i]);
  }
  context_.page->tx_packets += sent;
  context_.page->tx_bytes += bytes;
}

void Worker::punt(WorkerPort& port, rte_mbuf* packet) {
  const std::span<const std::uint8_t> frame(
      rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len
  );
  const bool wanted = port.punt == PuntPath::kTap ||
                      (port.punt == PuntPath::kNeighbours && is_neighbour_message(frame));
  if (wanted && port.to_main->push(packet)) return;
  const fl_reason reason = wanted ? FL_REASON_PUNT_FULL : FL_REASON_NO_PUNT;
  path::count_punt_failed(*context_.page, reason);
  tap_.dropped(packet, reason);
  rte_pktmbuf_free(packet);
}

// A reply to whoever sent the packet, out of the port that it came by.
void Worker::answer(Queue queue, rte_mbuf* packet) {
  tap_.sent({&packet, 1});
  if (rte_eth_tx_burst(queue.ethdev, queue.queue, &packet, 1) == 1) return;
  path::count_answer_failed(*context_.page, FL_REASON_TX_FULL);
  rte_pktmbuf_free(packet);
}

unsigned Worker::serve(WorkerPort& port, Queue queue, Turn turn) {
  std::array<rte_mbuf*, path::kPacketsInTurn> packets;
  const unsigned count =
      rte_eth_rx_burst(queue.ethdev, queue.queue, packets.data(), path::kPacketsInTurn);
  if (count == 0) return 0;
  if (count == packets.size()) gap_.found_full();
  if (turn == Turn::kGates) ownership_.lock();
  handle(port, queue, std::span(packets).first(count));
  if (turn == Turn::kGates) ownership_.unlock();
  return count;
}

void Worker::handle(WorkerPort& port, Queue queue, std::span<rte_mbuf*> packets) {
  const std::uint64_t received = gap_.counted_from(rte_rdtsc());
  fl_worker_page& page = *context_.page;
  const auto load = [&](path::Burst& burst, unsigned k) {
    load_burst(burst, burst_of(packets, k));
    if (tap_.active()) [[unlikely]]
      tap_.received(k, burst, burst_of(packets, k), port.number, context_.now);
    for (unsigned i = 0; i < burst.count; ++i) page.rx_bytes += burst.packet_bytes[i];
    prefetch_frames(burst_of(packets, k + 1));
  };
  const auto pass = [&](path::Burst& burst, unsigned k) {
    if (tap_.active()) [[unlikely]]
      tap_.decided(k, context_, burst);
    pass_on(port, queue, burst_of(packets, k), burst, received);
  };
  const unsigned bursts = bursts_in(packets.size());
  page.rx_packets += packets.size();  // before anything may end the process: see balance()
  page.bursts += bursts;
  context_.hops = port.now;
  prefetch_frames(burst_of(packets, 0));
  path::run_bursts(context_, bursts_, bursts, load, pass);
}

void Worker::pass_on(
    WorkerPort& port,
    Queue queue,
    std::span<rte_mbuf*> packets,
    path::Burst& burst,
    std::uint64_t received
) {
  std::array<rte_mbuf*, path::kBurstPackets> outgoing;
  unsigned forwarded = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.verdict[i] == steer::Verdict::kForward) {
      apply_frame(packets[i], burst, i);
      if (port.fills_checksums && burst.vip[i]->encapsulation != FL_ENCAP_L2) {
        leave_checksum(packets[i]);
      }
      outgoing[forwarded++] = packets[i];
    } else if (burst.verdict[i] == steer::Verdict::kPunt) {
      punt(port, packets[i]);
    } else if (burst.verdict[i] == steer::Verdict::kAnswer) {
      apply_frame(packets[i], burst, i);
      answer(queue, packets[i]);
    } else if (burst.verdict[i] == steer::Verdict::kWait) {
      waiting_.keep(
          burst.member[i], {packets[i], static_cast<unsigned>(&port - ports_.data()), queue}
      );
    } else {
      rte_pktmbuf_free(packets[i]);
    }
  }
  if (forwarded != 0) {
    transmit(queue, outgoing.data(), forwarded);
    context_.page->latency[fl_latency_bucket(clock_.to_ns(rte_rdtsc() - received))] += forwarded;
  }
}

void Worker::serve_waiting() {
  waiting_.run_again(context_, [this](std::span<const Waiter> waiters, fl_reason last_call) {
    bursts_[0].last_call = last_call;
    for (const Waiter& waiter : waiters) {
      rte_mbuf* packet = waiter.packet;
      handle(ports_[waiter.port], waiter.queue, std::span(&packet, 1));
    }
    bursts_[0].last_call = FL_REASON_NONE;
  });
}

// Nobody waits for what will not come any more.
void Worker::give_up_waiting() {
  fragments_.waiting.wake_all();
  serve_waiting();
}

// Not counted in tx_packets: these frames were never received, so they are not in the law of
// rx_packets.
void Worker::send_for_main(WorkerPort& port) {
  const Queue queue = port.queues.front();
  while (rte_mbuf* packet = port.from_main->pop()) {
    if (rte_eth_tx_burst(queue.ethdev, queue.queue, &packet, 1) == 0) {
      rte_pktmbuf_free(packet);
    }
  }
}

}  // namespace fairlead::dataplane
