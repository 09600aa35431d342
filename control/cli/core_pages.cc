// SPDX-License-Identifier: BSD-3-Clause
// Workers, all or one, and what a generation changed in a table.
#include "control/cli/pages.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kCores[] = {
    {"WORKER", "worker", F::kNumber},
    {"CORE", "core", F::kNumber},
    {"ROLE", "role"},
    {"FORWARDS", "forwards"},
    {"PORT:QUEUES", "queues"},
    {"BUSY", "busy", F::kPercent},
    {"BUSY CYCLES", "busy_cycles", F::kCount},
    {"IDLE CYCLES", "idle_cycles", F::kCount},
    {"RATE", "pps", F::kPps},
    {"CYCLES/PACKET", "cycles_per_packet", F::kCount},
    {"P50", "latency_p50_us", F::kMicroseconds},
    {"P99", "latency_p99_us", F::kMicroseconds},
    {"INHERITED", "inherited", F::kCount},
    {"ENTRIES", "flows", F::kCount},
    {"GENERATION", "generation", F::kNumber},
};

constexpr Column kWorker[] = {
    {"worker", "worker", F::kNumber},
    {"core", "core", F::kNumber},
    {"socket", "socket", F::kNumber},
    {"runs for", "uptime_s", F::kSeconds},
    {"forwards", "forwards"},
    {"busy", "busy", F::kPercent},
    {"rate", "pps", F::kPps},
    {"cycles/packet", "cycles_per_packet", F::kCount},
    {"packets/burst", "packets_per_burst", F::kDecimal},
    {"latency p50", "latency_p50_us", F::kMicroseconds},
    {"latency p99", "latency_p99_us", F::kMicroseconds},
    {"entries", "flows", F::kCount},
    {"inherited", "inherited", F::kCount},
    {"generation", "generation", F::kNumber},
};

constexpr Column kQueues[] = {
    {"PORT", "port", F::kNumber},
    {"QUEUE", "queue", F::kNumber},
    {"DEVICE", "device"},
};

constexpr Column kReasons[] = {
    {"REASON", "name"},
    {"DROPS", "drops", F::kCount},
    {"TO THE KERNEL", "punts", F::kCount},
    {"ANSWERED", "answers", F::kCount},
};

constexpr Column kCounters[] = {
    {"COUNTER", "name"},
    {"VALUE", "value", F::kCount},
};

constexpr Column kDiffHead[] = {
    {"vip", "vip"},
    {"generation before", "generation_before", F::kNumber},
    {"generation", "generation", F::kNumber},
    {"slots before", "size_before", F::kNumber},
    {"slots", "size", F::kNumber},
    {"slots moved", "slots_moved", F::kCount},
};

constexpr Column kDiff[] = {
    {"BACKEND", "backend"},
    {"STATE BEFORE", "state_before"},
    {"STATE", "state"},
    {"WEIGHT BEFORE", "weight_before", F::kDecimal},
    {"WEIGHT", "weight", F::kDecimal},
    {"SHARE BEFORE", "share_before", F::kPercent},
    {"SHARE", "share", F::kPercent},
    {"SLOTS", "slots", F::kNumber},
    {"GAINED", "gained", F::kNumber},
    {"LOST", "lost", F::kNumber},
};

Page worker_page(const Json& worker) {
  Page page{{list_of(worker, kWorker)}};
  Json counters = Json::array();
  const Json counted = part(worker, "counters", Json::object());
  for (const auto& item : counted.items())
    counters.push_back({{"name", item.key()}, {"value", item.value()}});
  const Json queues = rows(worker, "queue_list");
  const Json reasons = rows(worker, "reasons");
  page.blocks.emplace_back(table_of(counters, kCounters));
  if (!queues.empty()) page.blocks.emplace_back(table_of(queues, kQueues));
  if (!reasons.empty()) page.blocks.emplace_back(table_of(reasons, kReasons));
  return page;
}

}  // namespace

Page core_page(const Json& result) {
  const Json cores = rows(result, "cores");
  if (cores.size() == 1 && cores[0].is_object() && cores[0].contains("counters"))
    return worker_page(cores[0]);
  if (!cores.empty()) return {{table_of(cores, kCores)}};
  const std::string who = part(result, "forwards", Json("nobody")).get<std::string>();
  return {{"no worker runs; who forwards: " + who}};
}

Page table_diff_page(const Json& result) {
  Page page{{list_of(result, kDiffHead)}};
  const Json changed = rows(result, "backends");
  if (changed.empty()) page.blocks.emplace_back(std::string("nothing changed in this vip"));
  if (!changed.empty()) page.blocks.emplace_back(table_of(changed, kDiff));
  return page;
}

}  // namespace fairlead::cli
