// SPDX-License-Identifier: BSD-3-Clause
// Flow tables as JSON.
#include "control/api/flow_answers.hh"

#include <algorithm>
#include <cstdio>

#include "dataplane/base/printable.hh"

namespace fairlead::api {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, FL_FLOW_STATES> kStateNames = {
    "empty", "new", "confirmed", "closing", "reset", "adopted"};
constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kNamesInMessage = 20;

/// What a request asks for, as numbers.
struct Selection {
  std::optional<std::uint32_t> vip;
  std::optional<std::uint32_t> backend;
  std::optional<flow::FlowState> state;
  std::optional<unsigned> worker;

  [[nodiscard]] bool wants(const fl_member& member) const {
    return (!vip || *vip == member.vip) && (!backend || *backend == member.backend);
  }
};

base::Result<std::uint32_t> number_of(
    const std::vector<std::string>& names, std::string_view what, const std::string& name
) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (!name.empty() && found != names.end())
    return static_cast<std::uint32_t>(found - names.begin());
  std::string known;
  std::size_t listed = 0;
  for (const std::string& other : names) {
    if (other.empty()) continue;
    if (listed++ == kNamesInMessage) {
      known += ", ...";
      break;
    }
    known += (known.empty() ? "" : ", ") + other;
  }
  return base::fail(
      base::ErrorCode::kNotFound,
      "no " + std::string(what) + " " + base::quoted(name) +
          "; known: " + (known.empty() ? "none" : known)
  );
}

base::Result<Selection> selection_of(const Request& request, const steer::Names& names) {
  Selection out;
  if (request.vip) {
    FL_ASSIGN(out.vip, vip_number(names, *request.vip));
  }
  if (request.backend) {
    FL_ASSIGN(out.backend, backend_number(names, *request.backend));
  }
  if (request.state) out.state = state_named(*request.state);
  out.worker = request.worker;
  return out;
}

std::string identity_text(std::uint64_t identity) {
  char text[20];
  std::snprintf(text, sizeof text, "%014llx", static_cast<unsigned long long>(identity));
  return text;
}

void add_states(Json& row, const ByState& counts) {
  for (std::size_t s = FL_FLOW_NEW; s < FL_FLOW_STATES; ++s)
    row[std::string(kStateNames[s])] = counts[s];
}

Json worker_row(const FlowCount& count) {
  Json row{
      {"worker", count.worker},
      {"buckets", count.buckets},
      {"capacity", count.buckets * FL_FLOW_ENTRIES},
      {"entries", count.entries()},
      {"load",
       static_cast<double>(count.entries()) / static_cast<double>(count.buckets * FL_FLOW_ENTRIES)},
  };
  add_states(row, count.by_state);
  return row;
}

std::vector<WorkerFlows> selected(const FlowSource& source, const Selection& selection) {
  std::vector<WorkerFlows> out;
  for (const WorkerFlows& flows : source.flows)
    if (!selection.worker || *selection.worker == flows.worker) out.push_back(flows);
  return out;
}

Json count_answer(const FlowSource& source, const Selection& selection) {
  Json workers = Json::array();
  std::vector<std::uint64_t> open(source.table.member_count());
  for (const WorkerFlows& flows : selected(source, selection)) {
    const FlowCount count = count_flows(flows);
    workers.push_back(worker_row(count));
    const std::size_t known = std::min(open.size(), count.open_by_member.size());
    for (std::size_t m = 0; m < known; ++m) open[m] += count.open_by_member[m];
  }
  Json backends = Json::array();
  for (std::uint32_t m = 0; m < source.table.member_count(); ++m) {
    const fl_member& member = source.table.member(m);
    if ((member.state == FL_MEMBER_FREE && open[m] == 0) || !selection.wants(member)) continue;
    backends.push_back({
        {"backend", source.names.backend(member.backend)},
        {"vip", source.names.vip(member.vip)},
        {"flows", open[m]},
    });
  }
  return Json{{"workers", workers}, {"backends", backends}};
}

Json list_answer(const FlowSource& source, const Selection& selection, const Request& request) {
  const auto wanted = [&](const FlowRow& row) {
    if (selection.state && *selection.state != row.state) return false;
    if (row.member >= source.table.member_count()) return !selection.vip && !selection.backend;
    return selection.wants(source.table.member(row.member));
  };
  const FlowChunk chunk = list_flows(
      selected(source, selection),
      request.cursor.value_or(0),
      request.limit.value_or(kDefaultLimit),
      source.now,
      wanted
  );
  Json rows = Json::array();
  for (const FlowRow& row : chunk.rows) {
    Json out{
        {"id", identity_text(row.identity)},
        {"worker", row.worker},
        {"state", state_name(row.state)},
        {"age_ms", row.idle_ms},
    };
    if (row.member < source.table.member_count()) {
      const fl_member& member = source.table.member(row.member);
      out["vip"] = source.names.vip(member.vip);
      out["backend"] = source.names.backend(member.backend);
    }
    rows.push_back(std::move(out));
  }
  Json answer{{"flows", rows}};
  if (!chunk.complete) answer["next"] = chunk.next;
  return answer;
}

Json stats_answer(const FlowSource& source, const Selection& selection) {
  FlowStats sum;
  Json workers = Json::array();
  for (const WorkerFlows& flows : selected(source, selection)) {
    const FlowStats stats = survey(flows, source.now);
    Json row = worker_row(count_flows(flows));
    row["second_bucket"] = stats.in_second_bucket;
    workers.push_back(std::move(row));
    for (std::size_t i = 0; i < sum.fill.size(); ++i) sum.fill[i] += stats.fill[i];
    for (std::size_t a = 0; a < sum.ages.size(); ++a)
      for (std::size_t s = 0; s < FL_FLOW_STATES; ++s) sum.ages[a][s] += stats.ages[a][s];
  }
  Json fill = Json::array();
  for (std::size_t i = 0; i < sum.fill.size(); ++i)
    fill.push_back({{"entries", i}, {"buckets", sum.fill[i]}});
  Json ages = Json::array();
  for (std::size_t a = 0; a < sum.ages.size(); ++a) {
    Json row = Json::object();
    if (a < kAgeLimits.size()) row["below_s"] = kAgeLimits[a];
    add_states(row, sum.ages[a]);
    ages.push_back(std::move(row));
  }
  return Json{{"workers", workers}, {"fill", fill}, {"ages", ages}};
}

}  // namespace

std::string_view state_name(flow::FlowState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < kStateNames.size() ? kStateNames[index] : std::string_view("unknown");
}

std::optional<flow::FlowState> state_named(std::string_view name) {
  const auto found = std::find(kStateNames.begin() + 1, kStateNames.end(), name);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<flow::FlowState>(found - kStateNames.begin());
}

base::Result<std::uint32_t> vip_number(const steer::Names& names, const std::string& vip) {
  return number_of(names.vips, "vip", vip);
}

base::Result<std::uint32_t> backend_number(const steer::Names& names, const std::string& backend) {
  return number_of(names.backends, "backend", backend);
}

std::uint64_t flow_hash(const steer::TableView& table, const net::FiveTuple& t) {
  if (t.family == 4)
    return fl_flow_hash4(table.hash_key(), t.addresses4(), t.ports_raw, t.protocol);
  const std::uint64_t addresses[4] = {t.source[0], t.source[1], t.destination[0], t.destination[1]};
  return fl_flow_hash6(table.hash_key(), addresses, t.ports_raw, t.protocol);
}

const fl_vip* vip_of(const steer::TableView& table, const net::FiveTuple& t) {
  return table.find_vip(
      t.destination[0], t.destination[1], t.family, t.protocol, t.destination_port_raw()
  );
}

Json flow_entry(const FlowSource& source, std::uint64_t hash, std::uint32_t vip) {
  const auto is_of_vip = [&](std::uint32_t number) {
    const fl_member* member = source.table.find_member(number);
    return member != nullptr && member->vip == vip;
  };
  const auto found = find_flow(source.flows, hash, source.now, is_of_vip);
  if (!found) return Json{{"found", false}};
  return Json{
      {"found", true},
      {"state", state_name(found->state)},
      {"backend", source.names.backend(source.table.member(found->member).backend)},
      {"age_ms", found->idle_ms},
      {"worker", found->worker},
      {"id", identity_text(found->identity)},
  };
}

base::Result<Json> answer_flows(const Request& request, const FlowSource& source) {
  if (request.tuple) {
    const fl_vip* vip = source.table.valid() ? vip_of(source.table, *request.tuple) : nullptr;
    if (vip == nullptr) return Json{{"found", false}};
    return flow_entry(source, flow_hash(source.table, *request.tuple), vip->vip);
  }
  FL_ASSIGN(const Selection selection, selection_of(request, source.names));
  if (request.command == Command::kShowFlowList) return list_answer(source, selection, request);
  if (request.command == Command::kShowFlowStats) return stats_answer(source, selection);
  return count_answer(source, selection);
}

}  // namespace fairlead::api
