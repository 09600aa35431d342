// SPDX-License-Identifier: BSD-3-Clause
// The loop around the pipeline that benchmarks measure: frames of uniformly drawn flows in buffers
// that rotate, as a port would deliver them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>

#include "dataplane/net/checksum.hh"
#include "dataplane/path/pipeline.hh"
#include "tests/testing/packet_builder.hh"
#include "tests/testing/test_bank.hh"

namespace fairlead::bench {

using testing::Frame;

/// kHuge: where the kernel grants them.
enum class PageSize : std::uint8_t { kHuge, k4KiB };

/// Zeroed anonymous memory.
class Pages {
 public:
  explicit Pages(std::size_t bytes, PageSize size = PageSize::kHuge)
      : bytes_((bytes + kHuge - 1) / kHuge * kHuge),
        at_(static_cast<std::byte*>(mmap(
            nullptr, bytes_ + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
        ))) {
    start_ = at_ + (kHuge - reinterpret_cast<std::uintptr_t>(at_) % kHuge) % kHuge;
    madvise(start_, bytes_, size == PageSize::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    std::memset(start_, 0, bytes_);  // page faults are not what is measured
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { munmap(at_, bytes_ + kHuge); }
  [[nodiscard]] std::byte* data() const { return start_; }

 private:
  static constexpr std::size_t kHuge = 2 << 20;
  std::size_t bytes_;
  std::byte* at_;
  std::byte* start_ = nullptr;
};

/// Flow memory for `flows` flows with its header.
class FlowRegion {
 public:
  explicit FlowRegion(std::uint64_t flows, PageSize size = PageSize::kHuge)
      : buckets_(flow::FlowTable::buckets_for(flows)),
        pages_(flow::FlowTable::region_bytes(buckets_), size) {
    auto* header = reinterpret_cast<fl_region_header*>(pages_.data());
    header->kind = FL_REGION_FLOWS;
    header->parameter = buckets_;
  }
  [[nodiscard]] flow::FlowTable attach() const {
    return flow::FlowTable::attach({pages_.data(), flow::FlowTable::region_bytes(buckets_)})
        .value();
  }
  /// First bucket.
  [[nodiscard]] const std::byte* lines() const { return pages_.data() + FL_LINE_BYTES; }
  [[nodiscard]] std::uint64_t buckets() const { return buckets_; }

 private:
  std::uint64_t buckets_;
  Pages pages_;
};

/// Which kind of traffic; one vip each, 100 backends. kIpv4Kernel goes to no vip.
enum class Traffic { kIpv4Ipip, kIpv6Ipip, kIpv4Gue, kIpv4Kernel };

inline testing::TestTable bench_table(std::uint8_t choices) {
  std::vector<testing::TestMember> v4;
  std::vector<testing::TestMember> v6;
  for (unsigned i = 0; i < 100; ++i) {
    v4.push_back({.address = "10.0.1." + std::to_string(i + 1), .backend = i});
    v6.push_back({.address = "2001:db8:b::" + std::to_string(i + 1), .backend = i});
  }
  testing::TestTable table;
  const auto vip = [&](const char* address, std::uint8_t encapsulation, const auto& members) {
    testing::TestVip out{
        .prefix = address, .encapsulation = encapsulation, .choices = choices, .members = members};
    for (std::uint32_t i = 0; i < 65537; ++i) out.slots.push_back(i * 2654435761U % 100);
    return out;
  };
  table.vips = {
      vip("203.0.113.10", FL_ENCAP_IPIP, v4),
      vip("2001:db8::10", FL_ENCAP_IPIP, v6),
      vip("203.0.113.11", FL_ENCAP_GUE, v4),
  };
  return table;
}

/// 8192 buffers of 2 KiB with 128 bytes of headroom, used in turn.
class PipelineLoop {
 public:
  static constexpr std::uint32_t kBuffers = 8192;
  static constexpr std::uint32_t kBufferBytes = 2176;  // as rte_mbuf's usual 2048 + 128
  static constexpr std::uint32_t kHeadroom = 128;

  /// `size`: of the flow table's pages.
  PipelineLoop(
      Traffic traffic,
      std::uint64_t table_flows,
      std::uint8_t choices = 2,
      PageSize size = PageSize::kHuge
  )
      : traffic_(traffic),
        bank_(bench_table(choices)),
        region_(table_flows, size),
        buffers_(std::size_t{kBuffers} * kBufferBytes),
        page_(sizeof(fl_worker_page)) {
    context_.page = reinterpret_cast<fl_worker_page*>(page_.data());
    context_.flows = region_.attach();
    context_.now = 1000 * base::kSecond;
    context_.hops.own = context_.hops.gateway4 = context_.hops.gateway6 =
        net::MacAddr::parse(testing::kGatewayMac).value();
    path::use_table(context_, bank_.view());
    frame_ = frame_to(traffic);
    frame_.resize(std::max<std::size_t>(frame_.size(), 60));
  }

  /// Frames of one fill(), which come as a loaded worker takes them.
  static constexpr unsigned kBursts = path::kBurstsInTurn;
  static constexpr unsigned kFrames = path::kPacketsInTurn;

  /// Writes the frames of kFrames flows into the next buffers. Those written kLead frames ago are
  /// taken as bursts: a port's frames are not fresh in the core's store buffer either, where
  /// reading them would stall.
  template <typename Flow>
  void fill(std::uint8_t tcp_flags, Flow&& flow) {
    for (unsigned i = 0; i < kFrames; ++i) write_frame(buffer(next_ + i), flow(), tcp_flags);
    next_ += kFrames;
  }
  /// As if the next backends in turn, one for each burst, had just completed a handshake: a loop of
  /// SYNs alone would make all of them look dead.
  void complete_handshakes() {
    for (unsigned i = 0; i < kBursts; ++i) {
      fl_backend_counters& backend = context_.page->backends[completed_++ % 100];
      backend.pending = 0;
      backend.ejected_until_ns = 0;
    }
  }
  void run() {
    path::run_bursts(
        context_,
        bursts_,
        kBursts,
        [this](path::Burst& burst, unsigned k) { load(burst, k); },
        [](const path::Burst&, unsigned) {}
    );
  }
  /// Every packet by itself: the definition that lanes have to beat.
  void run_carefully() {
    for_each_burst([this](path::Burst& burst) { path::run_carefully(context_, burst); });
  }
  /// The floor: what run() does around the pipeline.
  void run_nothing() {
    for_each_burst([](path::Burst& burst) { asm volatile("" : : "r"(&burst) : "memory"); });
  }
  /// The bursts that run() takes, for others.
  template <typename Use>
  void for_each_burst(const Use& use) {
    for (unsigned k = 0; k < kBursts; ++k) {
      load(bursts_[k % 2], k);
      use(bursts_[k % 2]);
    }
  }
  void advance(base::Nanoseconds by) { context_.now += by; }
  /// The time that hits come in: 32 million a second.
  void advance() { advance(kFrames * 31); }
  /// SYN and ACK of every flow.
  void establish(std::uint64_t flows) {
    for (const std::uint8_t flags : {std::uint8_t{0x02}, std::uint8_t{0x10}}) {
      std::uint64_t next = 0;
      for (std::uint64_t done = 0; done < flows + kLead; done += kFrames) {
        fill(flags, [&] { return next++ % flows; });
        run();
        advance(200);
      }
    }
  }
  /// The same table with a limit of new flows.
  void limit_new_flows(std::uint32_t limit) {
    testing::TestTable table = bench_table(2);
    table.generation = 2;
    table.new_flow_limit = limit;
    limited_ = std::make_unique<testing::TestBank>(table);
    path::use_table(context_, limited_->view());
  }
  [[nodiscard]] const flow::FlowTable& flows() const { return context_.flows; }
  path::WorkerContext& context() { return context_; }

 private:
  static constexpr unsigned kLead = 256;  // frames

  [[nodiscard]] std::uint8_t* buffer(std::uint64_t number) const {
    return reinterpret_cast<std::uint8_t*>(buffers_.data()) + number % kBuffers * kBufferBytes +
           kHeadroom;
  }

  void load(path::Burst& burst, unsigned number) {
    const bool primed = next_ >= kLead + kFrames;
    std::uint64_t from = next_ - kFrames - kLead + std::uint64_t{number} * path::kBurstPackets;
    burst.count = primed ? path::kBurstPackets : 0;
    for (unsigned i = 0; i < burst.count; ++i) {
      burst.data[i] = buffer(from++);
      burst.length[i] = burst.packet_bytes[i] = static_cast<std::uint32_t>(frame_.size());
      burst.headroom[i] = kHeadroom;
      // As Burst asks of its caller, and a worker does: those of the next burst.
      __builtin_prefetch(burst.data[i] + std::size_t{path::kBurstPackets} * kBufferBytes);
    }
  }

  static Frame frame_to(Traffic traffic) {
    if (traffic == Traffic::kIpv6Ipip)
      return testing::packet().ipv6("2001:db8:c::", "2001:db8::10").tcp(1, 80, "S");
    const char* to = traffic == Traffic::kIpv4Gue      ? "203.0.113.11"
                     : traffic == Traffic::kIpv4Kernel ? "203.0.113.12"
                                                       : "203.0.113.10";
    return testing::packet().ipv4("16.0.0.0", to).tcp(1, 80, "S");
  }

  /// The flow's number goes into source address and port; the IPv4 checksum follows.
  void write_frame(std::uint8_t* at, std::uint64_t flow, std::uint8_t tcp_flags) const {
    std::memcpy(at, frame_.data(), 64 < frame_.size() ? frame_.size() : 60);
    const bool v6 = traffic_ == Traffic::kIpv6Ipip;
    const auto host = static_cast<std::uint16_t>(flow >> 12);
    const auto port = static_cast<std::uint16_t>((flow & 0xfff) + 1024);
    std::uint8_t* const l3 = at + 14;
    std::uint8_t* const l4 = l3 + (v6 ? 40 : 20);
    const net::be16 raw_host = net::be16::from_host(host);
    const net::be16 raw_port = net::be16::from_host(port);
    std::memcpy(l3 + (v6 ? 22 : 14), &raw_host, 2);
    std::memcpy(l4, &raw_port, 2);
    l4[13] = tcp_flags;
    if (v6) return;
    std::uint16_t checksum;
    std::memcpy(&checksum, l3 + 10, 2);
    checksum = net::checksum_update(checksum, 0, raw_host.raw());
    std::memcpy(l3 + 10, &checksum, 2);
  }

  Traffic traffic_;
  testing::TestBank bank_;
  std::unique_ptr<testing::TestBank> limited_;
  FlowRegion region_;
  Pages buffers_;
  Pages page_;
  path::WorkerContext context_;
  std::array<path::Burst, 2> bursts_{};
  Frame frame_;
  std::uint64_t next_ = 0;
  std::uint64_t completed_ = 0;
};

/// xorshift64*: flows drawn uniformly, at about a nanosecond each.
class Draw {
 public:
  explicit Draw(std::uint64_t flows) : flows_(flows) {}
  std::uint64_t operator()() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    const std::uint64_t word = (state_ * 0x2545f4914f6cdd1dULL) >> 32;
    return word * flows_ >> 32;
  }

 private:
  std::uint64_t flows_;
  std::uint64_t state_ = 88172645463325252ULL;
};

}  // namespace fairlead::bench
