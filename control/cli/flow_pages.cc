// SPDX-License-Identifier: BSD-3-Clause
// The pages of show flow ..., and what they share with show stats.
#include <algorithm>
#include <iterator>

#include "control/cli/pages.hh"

namespace fairlead::cli {
namespace {

using F = Format;

constexpr Column kFlowWorkers[] = {
    {"WORKER", "worker", F::kNumber},
    {"BUCKETS", "buckets", F::kCount},
    {"ENTRIES", "entries", F::kCount},
    {"LOAD", "load", F::kPercent},
    {"NEW", "new", F::kCount},
    {"CONFIRMED", "confirmed", F::kCount},
    {"CLOSING", "closing", F::kCount},
    {"RESET", "reset", F::kCount},
    {"ADOPTED", "adopted", F::kCount},
    {"IN SECOND BUCKET", "second_bucket", F::kCount},
};
constexpr Column kFlowFill[] = {
    {"ENTRIES IN BUCKET", "entries", F::kNumber},
    {"BUCKETS", "buckets", F::kCount},
};
constexpr Column kFlowAges[] = {
    {"LAST PACKET", "age"},
    {"NEW", "new", F::kCount},
    {"CONFIRMED", "confirmed", F::kCount},
    {"CLOSING", "closing", F::kCount},
    {"RESET", "reset", F::kCount},
    {"ADOPTED", "adopted", F::kCount},
};
constexpr Column kFlush[] = {
    {"flush", "sequence", F::kNumber},
    {"running", "running", F::kWord},
    {"of vip", "vip"},
    {"of backend", "backend"},
    {"flows a second", "flows_per_second", F::kCount},
};
constexpr Column kFlushWorkers[] = {
    {"WORKER", "worker", F::kNumber},
    {"DONE", "done", F::kWord},
    {"BUCKETS PASSED", "buckets_passed", F::kCount},
    {"FLUSHED EVER", "flushed", F::kCount},
};
constexpr Column kFlowRows[] = {
    {"FLOW", "id"},
    {"WORKER", "worker", F::kNumber},
    {"VIP", "vip"},
    {"BACKEND", "backend"},
    {"STATE", "state"},
    {"LAST PACKET", "age_ms", F::kMilliseconds},
};
constexpr Column kVipStats[] = {
    {"VIP", "vip"},
    {"WORKER", "worker", F::kNumber},
    {"ENTRIES", "flows", F::kCount},
    {"PACKETS", "packets", F::kCount},
    {"BYTES", "bytes", F::kBytes},
    {"DROPPED", "dropped", F::kCount},
    {"HITS", "hits", F::kCount},
    {"MISSES", "misses", F::kCount},
    {"INSERTS", "inserts", F::kCount},
    {"REFUSED", "inserts_refused", F::kCount},
    {"ADOPTED", "adopted", F::kCount},
    {"FLOOD", "flood", F::kCount},
    {"STATELESS", "stateless", F::kCount},
};
constexpr Column kFlowBackends[] = {
    {"BACKEND", "backend"},
    {"VIP", "vip"},
    {"FLOWS", "flows", F::kCount},
};
constexpr Column kFlow[] = {
    {"found", "found", F::kWord},
    {"state", "state"},
    {"backend", "backend"},
    {"last packet", "age_ms", F::kMilliseconds},
    {"worker", "worker", F::kNumber},
    {"flow", "id"},
};

constexpr Column kFlowEvents[] = {
    {"FLOW EVENT", "event"},
    {"COUNT", "count", F::kCount},
    {"MEANING", "text"},
};
Page count_page(const Json& result) {
  return {{
      table_of(rows(result, "workers"), kFlowWorkers),
      table_of(rows(result, "backends"), kFlowBackends),
  }};
}

Page list_page(const Json& result) {
  Page page{{table_of(rows(result, "flows"), kFlowRows)}};
  if (result.contains("next")) page.blocks.emplace_back("there are more: raise the limit");
  return page;
}

Page fill_page(const Json& result) {
  Json ages = Json::array();
  std::string from = "0 s";
  for (Json row : rows(result, "ages")) {
    const bool last = !row.contains("below_s");
    const std::string to = last ? "" : cell(row, "below_s", F::kNumber) + " s";
    row["age"] = last ? from + " or more" : from + " to " + to;
    from = to;
    ages.push_back(std::move(row));
  }
  Page page{{
      table_of(rows(result, "workers"), kFlowWorkers),
      table_of(rows(result, "fill"), kFlowFill),
      table_of(ages, kFlowAges),
  }};
  const Json flush = part(result, "flush", Json::object());
  if (flush.contains("running")) {
    page.blocks.emplace_back(list_of(flush, kFlush));
    page.blocks.emplace_back(table_of(rows(flush, "workers"), kFlushWorkers));
  }
  return page;
}

}  // namespace

void add_flow_events(const Json& events, Page& page) {
  Json happened = Json::array();
  for (const Json& event : events) {
    if (part(event, "count", 0U) != 0U) happened.push_back(event);
  }
  if (!happened.empty()) page.blocks.emplace_back(table_of(happened, kFlowEvents));
}

/// The long names of a vip's events as rows, the rest as columns.
Page vip_stats_page(const Json& result) {
  static constexpr std::string_view kEvents[] = {
      "evicted_", "expired_", "reused", "rerouted", "flushed"};
  const Json vips = rows(result, "vips");
  Page page{{table_of(vips, kVipStats)}};
  Json events = Json::array();
  for (const Json& row : vips) {
    for (const auto& item : row.items()) {
      const bool event = std::any_of(std::begin(kEvents), std::end(kEvents), [&](auto prefix) {
        return item.key().rfind(prefix, 0) == 0;
      });
      if (!event || item.value() == 0U) continue;
      const std::string name = item.key() + " (worker " + cell(row, "worker", F::kNumber) + ")";
      events.push_back({{"event", name}, {"count", item.value()}});
    }
  }
  add_flow_events(events, page);
  return page;
}

Page flow_page(const Call& call, const Json& result) {
  const std::string& name = call.pattern->name;
  if (name == "show flow list") return list_page(result);
  if (name == "show flow stats") return fill_page(result);
  return result.contains("found") ? Page{{list_of(result, kFlow)}} : count_page(result);
}

}  // namespace fairlead::cli
