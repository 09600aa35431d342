// SPDX-License-Identifier: BSD-3-Clause
// One thread: pcap port -> stages -> files.
#include "dataplane/replay.hh"

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>

#include "dataplane/decision_log.hh"
#include "dataplane/eal.hh"
#include "dataplane/packet_io.hh"
#include "dataplane/path/pipeline.hh"
#include "dataplane/path/waiting_packets.hh"
#include "dataplane/pcap_file.hh"
#include "dataplane/port.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/static_table.hh"
#include "dataplane/sys/input_file.hh"
#include "dataplane/sys/output_file.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {
namespace {

constexpr base::Nanoseconds kStart = 3600 * base::kSecond;  // the clock's first moment
constexpr unsigned kEmptyPollsMeanEnd = 1000;
constexpr std::uint32_t kBuffers = 4095;
constexpr const char* kCsvHeader = "packet,flow,vip,backend_id,verdict,reason\n";

/// The CSV knows three verdicts. A packet that is answered ends here: for it, `reason` says what it
/// was answered for, and --answers holds the answer.
std::string_view contract_verdict(steer::Verdict verdict) {
  const bool plain = verdict == steer::Verdict::kForward || verdict == steer::Verdict::kPunt;
  return steer::to_string(plain ? verdict : steer::Verdict::kDrop);
}

/// The CSV of a replay; all calls do nothing if it was not asked for.
class DecisionsFile {
 public:
  static base::Result<DecisionsFile> create(const std::string& path) {
    DecisionsFile out;
    if (path.empty()) return out;
    FL_ASSIGN(sys::OutputFile file, sys::OutputFile::stage(path));
    std::fputs(kCsvHeader, file.file());
    out.file_.emplace(std::move(file));
    return out;
  }

  /// Packets are numbered from 1. Rows come out in this order: behind a packet that waits for its
  /// fate they are kept.
  void write(
      std::uint64_t packet, const path::Burst& burst, unsigned i, const steer::Names& names
  ) {
    if (!file_) return;
    if (packet != next_) {
      later_[packet] = row(packet, burst, i, names);
      return;
    }
    const std::string text = row(packet, burst, i, names);
    std::fwrite(text.data(), 1, text.size(), file_->file());
    ++next_;
    for (; !later_.empty() && later_.begin()->first == next_; ++next_) {
      const std::string& kept = later_.begin()->second;
      std::fwrite(kept.data(), 1, kept.size(), file_->file());
      later_.erase(later_.begin());
    }
  }
  base::Result<void> commit() {
    if (!file_) return {};
    return file_->commit();
  }

 private:
  DecisionsFile() = default;
  static std::string row(
      std::uint64_t packet, const path::Burst& burst, unsigned i, const steer::Names& names
  ) {
    std::string row = std::to_string(packet);
    row += ',';
    const net::ParsedPacket parsed = path::parsed_packet(burst, i);
    if (parsed.l4_offset != 0 && parsed.tuple.ports_raw != 0) row += flow_text(parsed.tuple);
    row += ',';
    if (burst.vip[i] != nullptr) row += names.vip(burst.vip[i]->vip);
    row += ',';
    const bool forwarded = burst.verdict[i] == steer::Verdict::kForward;
    if (forwarded) row += names.backend(burst.backend[i]);
    row += ',';
    row += contract_verdict(burst.verdict[i]);
    row += ',';
    if (!forwarded) row += steer::reason_name(burst.reason[i]);
    row += '\n';
    return row;
  }

  std::optional<sys::OutputFile> file_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::string> later_;
};

struct Free {
  void operator()(fl_worker_page* page) const { std::free(page); }
};

/// A packet of the input.
struct Taken {
  rte_mbuf* packet = nullptr;
  std::uint64_t number = 0;  // from 1
  std::uint64_t time_us = 0;
};

/// Everything a replay holds while it runs.
struct Replay {
  const ReplayOptions& options;
  PcapSummary input;
  steer::Names names;
  PcapWriter out;
  std::optional<PcapWriter> answers;
  DecisionsFile decisions;
  std::unique_ptr<fl_worker_page, Free> page;
  shm::Region flow_memory;
  path::WorkerContext context;
  std::unique_ptr<path::FragmentMemory> fragments = std::make_unique<path::FragmentMemory>();
  path::WaitingPackets<Taken> waiting;
  std::unique_ptr<path::Burst> burst = std::make_unique<path::Burst>();
  std::uint16_t ethdev = 0;
  int timestamp_offset = -1;
  std::uint64_t timestamp_flag = 0;
  std::uint64_t first_us = 0;
  std::uint64_t packets = 0;
};

// With a clock that stands still all flows begin in one moment, which is no flood.
std::optional<std::uint32_t> no_flood_limit(ReplayClock clock) {
  return clock == ReplayClock::kFixed ? std::optional<std::uint32_t>(0) : std::nullopt;
}

// Layer 2 of the forwarded frames: the port's configured gateway, else fixed values, so that the
// output depends on nothing of this host. Backends of l2 vips without a MAC get one by number.
path::NextHops fixed_hops(
    const config::Config& config, std::uint32_t mtu, std::vector<net::MacAddr>& backends
) {
  for (std::size_t i = 0; i < FL_MAX_BACKENDS; ++i) {
    backends.push_back(
        {{0x02, 0xf1, 0, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}}
    );
  }
  path::NextHops hops;
  hops.own = {{0x02, 0xf1, 0, 0, 0, 0x01}};
  hops.gateway4 = {{0x02, 0xf1, 0, 0, 0, 0x02}};
  if (!config.ports.empty() && config.ports[0].gateway_mac) {
    hops.gateway4 = *config.ports[0].gateway_mac;
  }
  hops.gateway6 = hops.gateway4;
  hops.mtu = mtu;
  hops.backend_macs = backends;
  return hops;
}

EalPlan replay_plan(int input) {
  EalPlan plan;
  plan.file_prefix = "fl_replay" + std::to_string(::getpid());
  plan.memory_mb = buffer_memory_mb(kBuffers) + 16;
  // A descriptor instead of the name: device strings cannot hold a comma.
  plan.devices = {"net_pcap0,rx_pcap=/proc/self/fd/" + std::to_string(input)};
  return plan;
}

base::Result<void> start_port(Replay& replay, rte_mempool* pool) {
  const rte_eth_conf conf{};
  if (rte_eth_dev_get_port_by_name("net_pcap0", &replay.ethdev) != 0 ||
      rte_eth_dev_configure(replay.ethdev, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(replay.ethdev, 0, 512, kAnySocket, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(replay.ethdev, 0, 512, kAnySocket, nullptr) != 0 ||
      rte_eth_dev_start(replay.ethdev) != 0) {
    return base::fail(
        base::ErrorCode::kInternal, replay.options.in + ": DPDK's pcap port does not start"
    );
  }
  replay.timestamp_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
  const int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, nullptr);
  if (bit >= 0) replay.timestamp_flag = std::uint64_t{1} << bit;
  return {};
}

// Room for twice the packets, so that even a file of nothing but new flows refuses none; at least
// what the configuration gives a worker.
base::Result<void> make_flows(Replay& replay, const config::Config& config) {
  const std::uint64_t flows =
      std::max<std::uint64_t>(config.memory.flows_per_worker, 2 * replay.input.packets);
  const std::uint64_t buckets =
      flow::FlowTable::buckets_for(std::min<std::uint64_t>(flows, 1U << 26));
  const shm::RegionSpec spec{FL_REGION_FLOWS, flow::FlowTable::region_bytes(buckets), buckets};
  FL_ASSIGN(replay.flow_memory, shm::Region::anonymous(spec, kStart));
  FL_ASSIGN(
      replay.context.flows,
      flow::FlowTable::attach({replay.flow_memory.data(), replay.flow_memory.bytes()})
  );
  return {};
}

std::uint64_t timestamp_us(const Replay& replay, const rte_mbuf* packet) {
  if (replay.timestamp_offset < 0 || (packet->ol_flags & replay.timestamp_flag) == 0) return 0;
  return *RTE_MBUF_DYNFIELD(packet, replay.timestamp_offset, const std::uint64_t*);
}

void write_packet(PcapWriter& out, std::uint64_t time_us, const rte_mbuf* packet) {
  out.begin(time_us, packet->pkt_len);
  for (const rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
    out.append(rte_pktmbuf_mtod(segment, const void*), segment->data_len);
  }
}

void run_burst(Replay& replay, std::span<Taken> taken, fl_reason last_call) {
  path::Burst& burst = *replay.burst;
  fl_worker_page& page = *replay.page;
  const auto count = static_cast<unsigned>(taken.size());
  std::array<rte_mbuf*, path::kBurstPackets> packets;
  for (unsigned i = 0; i < count; ++i) packets[i] = taken[i].packet;
  load_burst(burst, std::span(packets).first(count));
  burst.last_call = last_call;
  for (unsigned i = 0; i < count; ++i) page.rx_bytes += burst.packet_bytes[i];
  page.rx_packets += count;
  ++page.bursts;
  path::run_pipeline(replay.context, burst);
  for (unsigned i = 0; i < count; ++i) {
    if (burst.verdict[i] == steer::Verdict::kWait) {
      replay.waiting.keep(burst.member[i], taken[i]);
      continue;
    }
    replay.decisions.write(taken[i].number, burst, i, replay.names);
    if (burst.verdict[i] == steer::Verdict::kAnswer) {
      apply_frame(packets[i], burst, i);
      if (replay.answers) write_packet(*replay.answers, taken[i].time_us, packets[i]);
    }
    if (burst.verdict[i] == steer::Verdict::kForward) {
      apply_frame(packets[i], burst, i);
      write_packet(replay.out, taken[i].time_us, packets[i]);
      ++page.tx_packets;
      page.tx_bytes += packets[i]->pkt_len;
    }
    rte_pktmbuf_free(packets[i]);
  }
}

void run_waiting(Replay& replay) {
  replay.waiting.run_again(replay.context, [&](std::span<Taken> taken, fl_reason last_call) {
    run_burst(replay, taken, last_call);
  });
}

void run_received(Replay& replay, rte_mbuf** packets, unsigned count) {
  std::array<Taken, path::kBurstPackets> taken;
  for (unsigned i = 0; i < count; ++i)
    taken[i] = {packets[i], replay.packets + i + 1, timestamp_us(replay, packets[i])};
  if (replay.options.clock == ReplayClock::kPcap) {
    if (replay.packets == 0) replay.first_us = taken[0].time_us;
    // A capture may step back; the clock of the flow table may not.
    const std::uint64_t since =
        taken[0].time_us > replay.first_us ? taken[0].time_us - replay.first_us : 0;
    replay.context.now = std::max(replay.context.now, kStart + since * base::kMicrosecond);
    run_waiting(replay);  // whose time is over before this packet
  }
  replay.packets += count;
  run_burst(replay, {taken.data(), count}, FL_REASON_NONE);
  run_waiting(replay);
}

base::Result<void> run_all(Replay& replay) {
  std::array<rte_mbuf*, path::kBurstPackets> packets;
  // With the packets' clock a burst must not span time: one packet each keeps every time-out exact.
  const std::uint16_t most = replay.options.clock == ReplayClock::kPcap ? 1 : path::kBurstPackets;
  unsigned empty = 0;
  while (replay.packets < replay.input.packets && empty < kEmptyPollsMeanEnd) {
    const unsigned count = rte_eth_rx_burst(replay.ethdev, 0, packets.data(), most);
    empty = count == 0 ? empty + 1 : 0;
    if (count != 0) run_received(replay, packets.data(), count);
  }
  replay.fragments->waiting.wake_all();  // nothing more comes
  run_waiting(replay);
  if (replay.packets != replay.input.packets) {
    return base::fail(
        base::ErrorCode::kDataLoss,
        replay.options.in + ": the pcap port gave " + std::to_string(replay.packets) + " of " +
            std::to_string(replay.input.packets) + " packets; nothing is written"
    );
  }
  return {};
}

base::Result<void> report(const Replay& replay, double seconds) {
  const fl_worker_page& page = *replay.page;
  std::uint64_t dropped = 0;
  for (const std::uint64_t d : page.drops) dropped += d;
  if (page.rx_packets != page.tx_packets + page.punted + page.answered + dropped) {
    return base::fail(base::ErrorCode::kInternal, "replay: counters do not add up; please report");
  }
  std::printf(
      "replay: %" PRIu64 " packets, %" PRIu64 " forwarded, %" PRIu64 " punted, %" PRIu64
      " answered, %" PRIu64 " dropped, %" PRIu64 " flows, %.3f s\n",
      page.rx_packets,
      page.tx_packets,
      page.punted,
      page.answered,
      dropped,
      replay.context.flows.size(),
      seconds
  );
  return {};
}

base::Result<Replay> prepare(const ReplayOptions& options, int pcap) {
  FL_ASSIGN(const PcapSummary input, check_pcap(pcap, options.in));
  FL_ASSIGN(PcapWriter out, PcapWriter::create(options.out));
  FL_ASSIGN(DecisionsFile decisions, DecisionsFile::create(options.decisions));
  std::optional<PcapWriter> answers;
  if (!options.answers.empty()) {
    FL_ASSIGN(PcapWriter file, PcapWriter::create(options.answers));
    answers.emplace(std::move(file));
  }
  auto* page =
      static_cast<fl_worker_page*>(std::aligned_alloc(FL_LINE_BYTES, sizeof(fl_worker_page)));
  std::fill_n(reinterpret_cast<std::byte*>(page), sizeof *page, std::byte{0});
  return Replay{
      .options = options,
      .input = input,
      .names = {},
      .out = std::move(out),
      .answers = std::move(answers),
      .decisions = std::move(decisions),
      .page = std::unique_ptr<fl_worker_page, Free>(page),
      .flow_memory = {},
      .context = {},
      .waiting = {}};
}

}  // namespace

base::Result<void> run_replay(const config::Config& config, const Options& options) {
  FL_ASSIGN(
      const StaticTable table, StaticTable::build(config, no_flood_limit(options.replay->clock))
  );
  FL_ASSIGN(
      const sys::UniqueFd input, sys::open_input(options.replay->in, "a pcap file for --replay")
  );
  FL_ASSIGN(Replay replay, prepare(*options.replay, input.get()));
  FL_TRY(make_flows(replay, config));
  replay.names = steer::read_names(table.view());
  replay.context.page = replay.page.get();
  replay.context.now = kStart;
  replay.context.buffer_bytes = kBufferBytes;
  replay.context.fragments = replay.fragments.get();
  std::vector<net::MacAddr> backend_macs;
  replay.context.hops = fixed_hops(config, options.replay->mtu, backend_macs);
  path::use_table(replay.context, table.view());

  FL_ASSIGN(const Eal eal, Eal::start(replay_plan(input.get()), options.verbose));
  FL_ASSIGN(rte_mempool * pool, make_pool("fl_replay", kBuffers));
  FL_TRY(start_port(replay, pool));
  const auto begin = std::chrono::steady_clock::now();
  FL_TRY(run_all(replay));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  rte_eth_dev_stop(replay.ethdev);
  FL_TRY(report(replay, took.count()));
  FL_TRY(replay.decisions.commit());
  if (replay.answers) FL_TRY(replay.answers->commit());
  return replay.out.commit();
}

}  // namespace fairlead::dataplane
