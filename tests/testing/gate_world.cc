// SPDX-License-Identifier: BSD-3-Clause
// Regions, settings and test runs of the gate.
#include "tests/testing/gate_world.hh"

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>

#include <bpf/bpf.h>

#include "dataplane/flow/flow_table.hh"
#include "dataplane/shm/map_memory.hh"
#include "dataplane/steer/handover.h"
#include "dataplane/sys/system_clock.hh"
#include "ebpf/bpffs.hh"
#include "ebpf/gate.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/include/gate_first_fragment.h"
#include "ebpf/include/gate_vip.h"
#include "ebpf/vip_table.hh"

namespace fairlead::testing {
namespace {

constexpr std::uint64_t kBankBytes = 256 << 10;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

/// A folder with a BPF file system that ends with this process.
const std::string& folder() {
  static const std::string made = [] {
    if (::unshare(CLONE_NEWNS) != 0) fail("unshare: needs root");
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    // A /tmp of this mount namespace alone: nothing is left when the process ends.
    const std::string path = "/tmp/fairlead-gate-world";
    if (::mount("tmpfs", "/tmp", "tmpfs", 0, "mode=0700") != 0) fail("mount tmpfs");
    std::filesystem::create_directory(path);
    std::filesystem::create_directory(path + "/bpf");
    if (::mount("bpf", (path + "/bpf").c_str(), "bpf", 0, "mode=0700") != 0) fail("mount bpffs");
    return path;
  }();
  return made;
}

struct Meter {  // struct fl_gate_meter
  std::int64_t credit = 0;
  std::uint64_t updated = 0;
  std::uint64_t flooded = 0;
};

/// What happens next happens within one tick of the flow table.
void wait_for_a_fresh_tick() {
  constexpr base::Nanoseconds kEnough = FL_FLOW_TICK_NS / 2;
  const base::Nanoseconds into = sys::monotonic_ns() % FL_FLOW_TICK_NS;
  if (FL_FLOW_TICK_NS - into > kEnough) return;
  const timespec rest{0, static_cast<long>(FL_FLOW_TICK_NS - into + base::kMillisecond * 5)};
  ::nanosleep(&rest, nullptr);
}

std::uint64_t mac_word(const char* text) {
  const auto mac = net::MacAddr::parse(text).value();
  std::uint64_t word = 0;
  std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
  return word;
}

constexpr std::array<const char*, FL_GATE_COUNTER_COUNT> kCounterNames = {
#define FL_GATE_NAME(e, n, t) n,
    FL_GATE_COUNTERS(FL_GATE_NAME)
#undef FL_GATE_NAME
};

fl_reason reason_of_punt(std::uint32_t counter) {
  switch (counter) {
    case FL_GATE_NO_VIP:
      return FL_REASON_NO_VIP;
    case FL_GATE_NOT_IP:
      return FL_REASON_NOT_IP;
    case FL_GATE_ICMP:
      return FL_REASON_ICMP;
    default:
      return FL_REASON_NONE;
  }
}

}  // namespace

shm::Region GateWorld::make(const char* name, const shm::RegionSpec& spec) {
  const std::string path = folder() + "/" + name;
  ::unlink(shm::map_pin_of(path).c_str());
  auto region = shm::Region::create_or_attach(path, spec, 1);
  if (!region) fail(region.error().what);
  return std::move(*region);
}

GateWorld::GateWorld(std::uint64_t flow_buckets)
    : steering_(make("steering", shm::steering_spec(kBankBytes))),
      scores_(make("scores", shm::scores_spec())),
      workers_(make("workers", shm::workers_spec())),
      flows_(make(
          "flows", {FL_REGION_FLOWS, flow::FlowTable::region_bytes(flow_buckets), flow_buckets}
      )),
      second_flows_(make(
          "flows.1", {FL_REGION_FLOWS, flow::FlowTable::region_bytes(flow_buckets), flow_buckets}
      )),
      third_flows_(make(
          "flows.2", {FL_REGION_FLOWS, flow::FlowTable::region_bytes(flow_buckets), flow_buckets}
      )) {
  load();
  reset();
}

std::byte* GateWorld::bank() {
  return steering_.data() + FL_BANKS_OFFSET + generation_ % FL_BANKS * kBankBytes;
}

void GateWorld::reset() {
  for (shm::Region* const flows : {&flows_, &second_flows_, &third_flows_})
    std::memset(flows->data() + FL_LINE_BYTES, 0, flows->header().parameter * FL_LINE_BYTES);
  work_as(0);
  for (unsigned worker = 0; worker < 3; ++worker)
    std::memset(static_cast<void*>(&page(worker)), 0, sizeof(fl_worker_page));
  order() = {};
  const Meter meter{};
  const std::uint32_t first = 0;
  // Of worker 0.
  for (const char* const name : {"fl_gate_meters", "fl_gate_icmp_meters"})
    for (std::uint32_t which = 0; which < FL_GATE_METERS; ++which)
      if (bpf_map_update_elem(map(name), &which, &meter, BPF_ANY) != 0) fail("meter");
  const std::vector<std::uint64_t> ids(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_update_elem(map("fl_gate_outer_id"), &first, ids.data(), BPF_ANY) != 0) fail("id");
  for_each_datagram([&](const std::uint64_t& datagram, fl_gate_first&) {
    bpf_map_delete_elem(map("fl_gate_fragments"), &datagram);
  });
  const std::uint64_t never = 0;
  if (bpf_map_update_elem(map("fl_gate_fragment_flow"), &first, &never, BPF_ANY) != 0) fail("flow");
  steering_.at<fl_current>(FL_LINE_BYTES)->generation = 0;
  scores_.at<fl_scores>(0)->updated_ns = 0;
  elapsed_ = 0;
  set_settings(usual_settings());
  wait_for_a_fresh_tick();
}

template <typename Visit>
void GateWorld::for_each_datagram(const Visit& visit) const {
  const int fd = map("fl_gate_fragments");
  std::vector<std::uint64_t> datagrams;
  std::uint64_t key = 0;
  const std::uint64_t* at = nullptr;
  while (bpf_map_get_next_key(fd, at, &key) == 0) {
    datagrams.push_back(key);
    at = &datagrams.back();
    if (datagrams.size() > FL_GATE_DATAGRAMS) fail("datagrams");
  }
  for (const std::uint64_t datagram : datagrams) {
    fl_gate_first first{};
    if (bpf_map_lookup_elem(fd, &datagram, &first) == 0) visit(datagram, first);
  }
}

void GateWorld::load() {
  ebpf::capture_libbpf_messages();
  std::size_t bytes = 0;
  const void* const elf = gate_bpf__elf_bytes(&bytes);
  object_.reset(bpf_object__open_mem(elf, bytes, nullptr));
  if (!object_) fail("open gate");
  const auto share = [&](const char* name, int fd) {
    if (bpf_map__reuse_fd(bpf_object__find_map_by_name(object_.get(), name), fd) != 0) fail(name);
  };
  share("fl_steering", steering_.fd());
  share("fl_score_lines", scores_.fd());
  share("fl_worker_lines", workers_.fd());
  bpf_map* const tables = bpf_object__find_map_by_name(object_.get(), "fl_flow_tables");
  if (bpf_map__set_inner_map_fd(tables, flows_.fd()) != 0) fail("inner map");
  if (bpf_object__load(object_.get()) != 0) fail("the verifier refuses the gate");
  std::uint32_t worker = 0;
  for (const int flows : {flows_.fd(), second_flows_.fd(), third_flows_.fd()}) {
    if (bpf_map_update_elem(bpf_map__fd(tables), &worker, &flows, BPF_ANY) != 0) fail("flow table");
    ++worker;
  }
  program_ = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "xsk_def_prog"));
}

int GateWorld::map(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

void GateWorld::work_as(std::uint8_t worker) {
  fl_queue_workers(workers_.at<fl_workers>(0))[0] = static_cast<std::uint8_t>(worker + 1);
}

void GateWorld::give_socket(int socket) {
  const std::uint32_t queue = 0;
  if (bpf_map_update_elem(map("xsks_map"), &queue, &socket, BPF_ANY) != 0) fail("socket");
}

fl_gate_settings GateWorld::usual_settings() {
  fl_gate_settings s{};
  s.own = mac_word(kNodeMac);
  s.gateway4 = s.gateway6 = mac_word(kGatewayMac);
  s.mtu = 1500;
  return s;
}

void GateWorld::set_settings(const fl_gate_settings& settings) {
  fl_gate_settings s = settings;
  s.bank_lines = kBankBytes / FL_LINE_BYTES;
  s.bucket_mask = static_cast<std::uint32_t>(flows_.header().parameter - 1);
  const std::uint32_t first = 0;
  if (bpf_map_update_elem(map("fl_gate_settings"), &first, &s, BPF_ANY) != 0) fail("settings");
}

void GateWorld::use(const TestTable& table, bool published) {
  const TestBank bank(table);
  std::vector<ebpf::ServedVip> vips;
  for (const TestVip& vip : table.vips)
    vips.push_back(
        {net::Prefix::parse(vip.prefix).value(),
         vip.protocol,
         vip.port,
         (vip.flags & FL_VIP_NO_ECHO) != 0}
    );
  const auto served = ebpf::build_vip_table(vips);
  if (!served || !ebpf::write_vip_table(*served, map("fl_vips"), map("fl_vip_shapes")))
    fail("vips");
  auto* const current = steering_.at<fl_current>(FL_LINE_BYTES);
  if (!published) {
    current->generation = 0;
    return;
  }
  ++generation_;
  const fl_bank& made = bank.view().bank();
  if (made.used_bytes > kBankBytes) fail("bank too small for the table");
  std::memcpy(
      steering_.data() + FL_BANKS_OFFSET + generation_ % FL_BANKS * kBankBytes,
      &made,
      made.used_bytes
  );
  __atomic_store_n(&current->generation, generation_, __ATOMIC_RELEASE);
}

void GateWorld::forget_vips() {
  const std::vector<fl_gate_vip> none(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (std::uint32_t i = 0; i < FL_GATE_VIPS; ++i)
    if (bpf_map_update_elem(map("fl_gate_vips"), &i, none.data(), BPF_ANY) != 0) fail("forget");
}

std::size_t GateWorld::falsify_memory(std::uint32_t source) {
  std::size_t known = 0;
  std::vector<fl_gate_vip> of_cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (std::uint32_t i = 0; i < FL_GATE_VIPS; ++i) {
    if (bpf_map_lookup_elem(map("fl_gate_vips"), &i, of_cpus.data()) != 0) fail("memory");
    bool any = false;
    for (fl_gate_vip& vip : of_cpus) {
      any = any || vip.generation != 0;
      vip.source = source;
    }
    if (!any) continue;
    ++known;
    if (bpf_map_update_elem(map("fl_gate_vips"), &i, of_cpus.data(), BPF_ANY) != 0) fail("memory");
  }
  return known;
}

std::uint64_t GateWorld::count(std::uint32_t counter) const {
  std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(map("fl_gate_count"), &counter, values.data()) != 0) fail("counters");
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

GateWorld::Result GateWorld::run(const Frame& frame) {
  std::array<std::uint64_t, FL_GATE_COUNTER_COUNT> before{};
  for (std::uint32_t i = 0; i < before.size(); ++i) before[i] = count(i);
  const fl_worker_page& now = page();
  const std::vector<std::uint64_t> drops(std::begin(now.drops), std::end(now.drops));
  const std::vector<std::uint64_t> answers(std::begin(now.answers), std::end(now.answers));

  Result result;
  result.out.resize(frame.size() + 512);
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.data_out = result.out.data();
  options.data_size_out = static_cast<std::uint32_t>(result.out.size());
  if (bpf_prog_test_run_opts(program_, &options) != 0) fail("test run");
  result.out.resize(options.data_size_out);

  std::uint32_t moved = FL_GATE_COUNTER_COUNT;
  for (std::uint32_t i = 0; i < before.size(); ++i)
    if (count(i) != before[i]) moved = i;
  if (moved < FL_GATE_COUNTER_COUNT) result.counter = kCounterNames[moved];
  result.verdict = options.retval == XDP_TX     ? steer::Verdict::kForward
                   : options.retval == XDP_PASS ? steer::Verdict::kPunt
                                                : steer::Verdict::kDrop;
  if (result.verdict == steer::Verdict::kPunt) result.reason = reason_of_punt(moved);
  if (result.verdict == steer::Verdict::kDrop) {
    for (std::size_t r = 0; r < drops.size(); ++r)
      if (now.drops[r] != drops[r]) result.reason = static_cast<fl_reason>(r);
  }
  for (std::size_t r = 0; r < answers.size(); ++r) {
    if (now.answers[r] == answers[r]) continue;
    result.verdict = steer::Verdict::kAnswer;
    result.reason = static_cast<fl_reason>(r);
  }
  return result;
}

void GateWorld::set_control(bool sees_answers) {
  fl_scores& scores = *scores_.at<fl_scores>(0);
  scores.updated_ns = sys::monotonic_ns();
  for (std::uint64_t& answered : scores.answered_ns)
    answered = sees_answers ? scores.updated_ns : 0;
}

void GateWorld::advance(base::Nanoseconds by) {
  const auto ticks =
      static_cast<std::uint16_t>((elapsed_ + by) / FL_FLOW_TICK_NS - elapsed_ / FL_FLOW_TICK_NS);
  elapsed_ += by;
  auto* const buckets = reinterpret_cast<fl_flow_bucket*>(flows_.data() + FL_LINE_BYTES);
  for (std::uint64_t b = 0; b < flows_.header().parameter; ++b)
    for (std::uint16_t& seen : buckets[b].seen) seen = static_cast<std::uint16_t>(seen - ticks);
  for (fl_backend_counters& backend : page().backends) {
    if (backend.pending_since_ns != 0) backend.pending_since_ns -= by;
    if (backend.ejected_until_ns != 0) backend.ejected_until_ns -= by;
  }
  for_each_datagram([&](const std::uint64_t& datagram, fl_gate_first& seen) {
    seen.seen_ns -= by;
    if (bpf_map_update_elem(map("fl_gate_fragments"), &datagram, &seen, BPF_ANY) != 0) fail("age");
  });
  for (std::uint32_t which = 0; which < FL_GATE_METERS; ++which) {
    Meter meter;
    if (bpf_map_lookup_elem(map("fl_gate_meters"), &which, &meter) != 0) fail("meter");
    if (meter.updated == 0) continue;
    meter.updated -= by;
    if (bpf_map_update_elem(map("fl_gate_meters"), &which, &meter, BPF_ANY) != 0) fail("meter");
  }
}

std::int64_t GateWorld::unaccounted() {
  const fl_worker_page& p = page();
  const std::uint64_t drops =
      std::accumulate(std::begin(p.drops), std::end(p.drops), std::uint64_t{0});
  return static_cast<std::int64_t>(p.rx_packets - p.tx_packets - p.punted - p.answered - drops);
}

}  // namespace fairlead::testing
