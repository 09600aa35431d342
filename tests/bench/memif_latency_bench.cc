// SPDX-License-Identifier: BSD-3-Clause
// Latency that the data plane adds, over shared memory: a generator sends a million packets a
// second through net_memif to fairlead-dataplane and measures when each comes back. The floor is
// the same generator with a process in its place that sends back what it receives.
//
//   generator (core 0) -- net_memif -- fairlead-dataplane, or echo (core 1)
//
// Prints what scripts/bench reads of a Google Benchmark; takes its options and heeds the
// repetitions. A repetition is the best slice of 5 ms (5000 packets) of 1.5 s, and floor and data
// plane alternate, because the machine is shared.
#include <algorithm>
#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "tests/testing/packet_builder.hh"

namespace fairlead::bench {
namespace {

constexpr unsigned kFlows = 10'000;
constexpr std::uint64_t kRate = 1'000'000;
constexpr double kWarmSeconds = 0.5;
constexpr double kSeconds = 1.5;
constexpr std::uint64_t kSliceMs = 5;
constexpr unsigned kStampAt = 42;  // behind Ethernet, IPv4 and UDP
constexpr unsigned kOuter = 20;    // what IPIP puts in front

void pin(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}

/// A memif port with one queue pair in a process of its own.
std::uint16_t open_memif(const std::string& socket, const char* role) {
  const std::string prefix = "flbench" + std::to_string(getpid());
  const std::string device = "net_memif0,role=" + std::string(role) + ",id=0,socket=" + socket +
                             ",socket-abstract=no,rsize=11";
  std::vector<std::string> words = {
      "bench",
      "-l",
      "0",
      "--no-huge",
      "--no-shconf",
      "-m",
      "128",
      "--no-pci",
      "--no-telemetry",
      "--log-level",
      "error",
      "--file-prefix",
      prefix,
      "--vdev",
      device};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) std::exit(1);
  rte_mempool* pool = rte_pktmbuf_pool_create("p", 16383, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  const rte_eth_conf conf{};
  if (pool == nullptr || rte_eth_dev_configure(0, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(0, 0, 2048, 0, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(0, 0, 2048, 0, nullptr) != 0 || rte_eth_dev_start(0) != 0) {
    std::exit(1);
  }
  return 0;
}

void wait_for_link(std::uint16_t port) {
  rte_eth_link link{};
  for (unsigned tries = 0; tries < 10'000; ++tries) {
    rte_eth_link_get_nowait(port, &link);
    if (link.link_status != 0) return;
    usleep(1000);
  }
  std::fprintf(stderr, "memif_latency_bench: no link after 10 s\n");
  std::exit(1);
}

volatile std::sig_atomic_t ended = 0;

[[noreturn]] void echo(const std::string& socket) {
  std::signal(SIGTERM, [](int) { ended = 1; });
  const std::uint16_t port = open_memif(socket, "server");
  pin(1);  // EAL has pinned us elsewhere
  while (ended == 0) {
    std::array<rte_mbuf*, 32> packets;
    const std::uint16_t got = rte_eth_rx_burst(port, 0, packets.data(), 32);
    const std::uint16_t sent =
        got == 0 ? std::uint16_t{0} : rte_eth_tx_burst(port, 0, packets.data(), got);
    for (std::uint16_t i = sent; i < got; ++i) rte_pktmbuf_free(packets[i]);
  }
  std::exit(0);
}

constexpr double kNoSlice = 1e9;  // in no slice were both processes on their cores

struct Result {
  double p50_us = 0;
  double p99_us = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

/// Sends at kRate, one packet at a time, and times what comes back.
class Generator {
 public:
  explicit Generator(std::uint16_t port) : port_(port) {
    const testing::Frame frame =
        testing::packet().ipv4("16.0.0.1", "203.0.113.10").udp(1024, 53).payload(18);
    std::copy(frame.begin(), frame.begin() + kFrame, frame_.begin());
    pool_ = rte_mempool_lookup("p");
  }
  Result run() {
    const std::uint64_t hz = rte_get_tsc_hz();
    const std::uint64_t begin = rte_rdtsc();
    warm_until_ = begin + static_cast<std::uint64_t>(kWarmSeconds * static_cast<double>(hz));
    const auto length =
        static_cast<std::uint64_t>((kWarmSeconds + kSeconds) * static_cast<double>(hz));
    const std::uint64_t gap = hz / kRate;
    slice_ = hz * kSliceMs / 1000;
    slices_.resize(static_cast<std::size_t>(kSeconds * 1000 / kSliceMs));
    for (auto& slice : slices_) slice.reserve(2 * kRate * kSliceMs / 1000);
    std::uint64_t due = begin;
    while (rte_rdtsc() - begin < length) {
      const std::uint64_t now = rte_rdtsc();
      if (now >= due) {
        send(now);
        due = std::max(due + gap, now - 100 * gap);  // no catching up beyond 100 packets
      }
      receive();
    }
    const std::uint64_t last = rte_rdtsc() + hz / 20;
    while (rte_rdtsc() < last) receive();
    return result(hz);
  }

 private:
  static constexpr unsigned kFrame = 60;

  void send(std::uint64_t now) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) return;
    auto* at = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, kFrame));
    std::memcpy(at, frame_.data(), kFrame);
    const auto source = static_cast<std::uint16_t>(1024 + next_++ % kFlows);
    at[34] = static_cast<std::uint8_t>(source >> 8);
    at[35] = static_cast<std::uint8_t>(source);
    std::memcpy(at + kStampAt, &now, sizeof now);
    if (rte_eth_tx_burst(port_, 0, &m, 1) == 0) {
      rte_pktmbuf_free(m);
      return;
    }
    sent_ += now >= warm_until_ ? 1 : 0;
  }
  void receive() {
    std::array<rte_mbuf*, 32> packets;
    const std::uint16_t got = rte_eth_rx_burst(port_, 0, packets.data(), 32);
    const std::uint64_t now = rte_rdtsc();
    for (std::uint16_t i = 0; i < got; ++i) {
      const auto* at = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
      const bool tunnelled = at[23] == 4;
      std::uint64_t stamp = 0;
      std::memcpy(&stamp, at + kStampAt + (tunnelled ? kOuter : 0), sizeof stamp);
      if (at[12] == 8 && at[13] == 0 && stamp >= warm_until_) {
        ++received_;
        const std::uint64_t slice = (stamp - warm_until_) / slice_;
        if (slice < slices_.size()) slices_[slice].push_back(now - stamp);
      }
      rte_pktmbuf_free(packets[i]);
    }
  }
  // The best slice: on a shared machine either process is away for milliseconds now and then.
  Result result(std::uint64_t hz) {
    Result out;
    out.sent = sent_;
    out.received = received_;
    out.p99_us = kNoSlice;
    for (std::vector<std::uint64_t>& times : slices_) {
      if (times.size() < kRate * kSliceMs / 1000 * 9 / 10) continue;
      const auto us = [&](double share) {
        const auto at = static_cast<std::size_t>(share * static_cast<double>(times.size() - 1));
        std::nth_element(times.begin(), times.begin() + static_cast<long>(at), times.end());
        return static_cast<double>(times[at]) * 1e6 / static_cast<double>(hz);
      };
      const double p99 = us(0.99);
      if (p99 >= out.p99_us) continue;
      out.p99_us = p99;
      out.p50_us = us(0.5);
    }
    return out;
  }

  std::uint16_t port_;
  rte_mempool* pool_;
  std::array<std::uint8_t, kFrame> frame_{};
  std::uint64_t next_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t warm_until_ = 0;
  std::uint64_t slice_ = 1;
  std::uint64_t received_ = 0;
  std::vector<std::vector<std::uint64_t>> slices_;
};

[[noreturn]] void generate(const std::string& socket) {
  const std::uint16_t port = open_memif(socket, "client");
  pin(0);
  wait_for_link(port);
  const Result r = Generator(port).run();
  std::printf("%f %f %" PRIu64 " %" PRIu64 "\n", r.p50_us, r.p99_us, r.sent, r.received);
  std::fflush(stdout);
  rte_eth_dev_stop(port);
  rte_eth_dev_close(port);
  std::exit(0);
}

/// Starts a program with its output thrown away, or read by `out`.
pid_t spawn(const std::vector<std::string>& words, int out = -1) {
  const pid_t child = fork();
  if (child != 0) return child;
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(out >= 0 ? out : null, 1);
  dup2(null, 2);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

Result measure(const std::string& self, const std::string& socket) {
  std::array<int, 2> ends;
  Result result;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return result;
  const pid_t child = spawn({self, "--generate", socket}, ends[1]);
  close(ends[1]);
  std::array<char, 256> line{};
  std::size_t used = 0;
  for (ssize_t got = 0; (got = read(ends[0], line.data() + used, line.size() - 1 - used)) > 0;) {
    used += static_cast<std::size_t>(got);
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  std::sscanf(
      line.data(),
      "%lf %lf %" SCNu64 " %" SCNu64,
      &result.p50_us,
      &result.p99_us,
      &result.sent,
      &result.received
  );
  return result;
}

void end(pid_t child) {
  kill(child, SIGTERM);
  waitpid(child, nullptr, 0);
}

void write_config(const std::string& file, const std::string& folder) {
  std::ofstream(file
  ) << "node: {id: flbench"
    << getpid() << ", address: 10.0.0.100, runtime_dir: " << folder << "/run}\n"
    << "ports:\n  - {device: \"net_memif0,role=server,id=0,socket=" << folder
    << "/m.sock,socket-abstract=no,rsize=11\", gateway_mac: \"02:00:00:00:00:03\"}\n"
    << "workers: {count: 1, cores: [1], idle: {empty_polls: 0}}\n"
    << "memory: {flows_per_worker: 100000}\n"
    << "decision_log: {file: \"off\"}\n"
    << "vips:\n  - {name: v, address: 203.0.113.10, protocol: udp, port: 53, "
       "encapsulation: ipip, backends: [{id: b1, address: 10.0.0.1}, {id: b2, "
       "address: 10.0.0.2}]}\n";
}

void wait_for_file(const std::string& file) {
  for (unsigned i = 0; i < 10'000 && access(file.c_str(), F_OK) != 0; ++i) usleep(1000);
}

struct Row {
  const char* name;
  const char* label;
  std::vector<double> values;
};

void print(const std::vector<Row>& rows) {
  std::printf("{\"benchmarks\": [\n");
  bool first = true;
  for (const Row& row : rows) {
    for (const double value : row.values) {
      std::printf("%s{\"name\": \"%s\", \"run_type\": \"iteration\"", first ? "" : ",\n", row.name);
      std::printf(", \"real_time\": %f, \"time_unit\": \"us\"", value);
      std::printf(", \"label\": \"%s\"}", row.label);
      first = false;
    }
  }
  std::printf("\n]}\n");
}

int drive(const std::string& self, unsigned repetitions) {
  const std::filesystem::path bin = std::filesystem::path(self).parent_path();
  std::string folder = "/tmp/fl_memif_XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::string config = folder + "/c.yaml";
  write_config(config, folder);
  std::filesystem::create_directory(folder + "/run");
  const pid_t table = spawn({(bin / "../live/dataplane/publish_table").string(), config});
  int status = 1;
  waitpid(table, &status, 0);
  std::vector<Row> rows = {
      {"memif/through_p50", "floor: memif/echo_p50", {}},
      {"memif/through_p99", "floor: memif/echo_p99", {}},
      {"memif/echo_p50", "", {}},
      {"memif/echo_p99", "", {}}};
  for (unsigned i = 0; i < repetitions && status == 0; ++i) {
    const std::string socket = folder + "/m.sock";
    const pid_t floor = spawn({self, "--echo", socket});
    wait_for_file(socket);
    const Result echoed = measure(self, socket);
    end(floor);
    std::filesystem::remove(socket);
    const pid_t plane = spawn({(bin / "../../fairlead-dataplane").string(), "--config", config});
    wait_for_file(socket);
    const Result through = measure(self, socket);
    end(plane);
    std::filesystem::remove(socket);
    if (echoed.received == 0 || through.received < through.sent / 2) {
      std::fprintf(stderr, "memif_latency_bench: packets do not come back\n");
      status = 1;
    }
    if (echoed.p99_us >= kNoSlice || through.p99_us >= kNoSlice) continue;
    rows[0].values.push_back(through.p50_us);
    rows[1].values.push_back(through.p99_us);
    rows[2].values.push_back(echoed.p50_us);
    rows[3].values.push_back(echoed.p99_us);
    std::fprintf(stderr, "received %" PRIu64 " of %" PRIu64 "\n", through.received, through.sent);
  }
  std::filesystem::remove_all(folder);
  if (status != 0) return 1;
  if (rows[0].values.empty()) {
    std::fprintf(stderr, "memif_latency_bench: the cores were never free for 5 ms\n");
    return 1;
  }
  // Best against best: where two vCPUs lie close to each other both are three times faster.
  const auto best = [](const Row& row) {
    return *std::min_element(row.values.begin(), row.values.end());
  };
  rows.push_back({"memif/added_p50", "", {best(rows[0]) - best(rows[2])}});
  rows.push_back({"memif/added_p99", "", {best(rows[1]) - best(rows[3])}});
  print(rows);
  return 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead::bench;
  const std::string self = std::filesystem::canonical("/proc/self/exe").string();
  const std::string word = argc > 1 ? argv[1] : "";
  if (argc == 3 && word == "--echo") echo(argv[2]);
  if (argc == 3 && word == "--generate") generate(argv[2]);
  unsigned repetitions = 3;
  std::string filter = ".";
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const auto value = option.substr(option.find('=') + 1);
    if (option.rfind("--benchmark_repetitions=", 0) == 0) {
      repetitions = static_cast<unsigned>(std::max(1, std::atoi(value.c_str())));
    }
    if (option.rfind("--benchmark_filter=", 0) == 0) filter = value;
  }
  // One measurement makes all rows: run it if any is asked for.
  const bool wanted = filter == "." ||
                      std::string("memif/added_p99").find(filter) != std::string::npos ||
                      filter.find("memif") != std::string::npos;
  if (!wanted) {
    std::printf("{\"benchmarks\": []}\n");
    return 0;
  }
  return drive(self, repetitions);
}
