// SPDX-License-Identifier: BSD-3-Clause
// `lookup TUPLE why`: vip, flow table, candidates, choice, in the order of the data path.
#include "control/lookup.hh"

#include <memory>

#include "control/api/counters.hh"
#include "control/api/flow_answers.hh"
#include "control/model/names.hh"
#include "control/show.hh"
#include "dataplane/path/candidates.hh"
#include "dataplane/steer/score.h"

namespace fairlead::control {
namespace {

double score_of(
    const fl_member& member,
    const fl_worker_page& page,
    const fl_scores* scores,
    unsigned worker,
    bool fresh
) {
  std::uint32_t inverse = member.inverse_weight;
  std::uint64_t external = 0;
  if (scores != nullptr) {
    const fl_score& s = scores->score[worker][member.backend];
    if (s.inverse_weight != 0) inverse = s.inverse_weight;
    if (fresh) external = s.external;
  }
  const std::uint64_t local = page.backends[member.backend].in_flight;
  const std::uint64_t score =
      fl_score_value(local + external + 1, fl_member_parallel(&member), inverse);
  return static_cast<double>(score) / (3U << 20);
}

std::string reason(const Node& node, const Choice& choice, const std::string& chosen) {
  std::string out = "new flow: ";
  if (choice.chosen == FL_NO_MEMBER) return out + "no backend of the pool can be used";
  bool among = false;
  std::size_t usable = 0;
  double least = 0;
  std::size_t as_small = 0;  // usable candidates that have the chosen one's score
  for (const Candidate& c : choice.candidates)
    if (c.member == choice.chosen) least = c.score;
  for (const Candidate& c : choice.candidates) {
    const fl_member& member = node.publisher.table().member(c.member);
    among = among || c.member == choice.chosen;
    const bool can = member.state == FL_MEMBER_ACTIVE && !c.ejected;
    if (can) ++usable;
    if (can && c.member != choice.chosen && c.score <= least) ++as_small;
  }
  if (!among && usable > 0)
    return out + "it would wait at its candidates, " + chosen + ", a reserve, has a smaller score";
  if (!among) return out + "no candidate can be used, " + chosen + " is next in the table";
  if (usable == 1 || choice.candidates.size() == 1) {
    return out + chosen + " is the only usable candidate";
  }
  if (as_small > 0) return out + chosen + " comes first among candidates of equal score";
  return out + chosen + " has the smallest score of " + std::to_string(choice.candidates.size()) +
         " candidates";
}

}  // namespace

Choice explain_choice(
    const steer::TableView& table,
    const fl_vip& vip,
    std::uint64_t hash,
    const fl_worker_page& page,
    const fl_scores* scores,
    unsigned worker,
    base::Nanoseconds now
) {
  Choice out;
  if (vip.table_size == 0) return out;
  // The choice may note an ejection or a trial on the page: a copy takes that.
  const auto copy = std::make_unique<fl_worker_page>(page);
  path::WorkerContext context;
  context.table = table;
  context.page = copy.get();
  context.scores = scores;
  context.worker = worker;
  context.now = now;
  const bool fresh = path::external_counts_fresh(context);
  for (std::uint32_t i = 0; i < vip.choices; ++i) {
    Candidate c;
    c.index = i;
    c.slot = fl_candidate_slot(hash, i, vip.table_size);
    c.member = table.slot(vip, c.slot);
    const fl_member& member = table.member(c.member);
    c.score = score_of(member, page, scores, worker, fresh);
    c.ejected = page.backends[member.backend].ejected_until_ns > now;
    out.candidates.push_back(c);
  }
  out.chosen = path::choose_backend(context, {&vip, hash, false, false}, fresh);
  out.first = path::first_candidate(table, vip, hash);
  return out;
}

Answer lookup(Node& node, const api::Request& request, base::Nanoseconds now) {
  const steer::TableView& table = node.publisher.table();
  if (!table.valid()) {
    return base::fail(base::ErrorCode::kUnavailable, "no generation is published yet, ask again");
  }
  const fl_vip* vip = api::vip_of(table, *request.tuple);
  if (vip == nullptr) {
    return Json{
        {"flow", {{"found", false}}},
        {"candidates", Json::array()},
        {"why", "no vip has this destination, protocol and port: the packet goes to the kernel"}};
  }
  const std::uint64_t hash = api::flow_hash(table, *request.tuple);
  const Json flow = api::flow_entry(flow_source(node, now), hash, vip->vip);
  const unsigned worker = flow.value("worker", 0U);
  const Choice choice = explain_choice(
      table,
      *vip,
      hash,
      node.regions.worker_pages().worker[worker],
      &node.regions.score_table(),
      worker,
      now
  );
  const auto name = [&](std::uint32_t member) {
    return std::string(node.publisher.names().backend(table.member(member).backend));
  };
  Json candidates = Json::array();
  for (const Candidate& c : choice.candidates) {
    candidates.push_back({
        {"index", c.index},
        {"slot", c.slot},
        {"backend", name(c.member)},
        {"state", member_state_name(table.member(c.member).state)},
        {"score", c.score},
        {"ejected", c.ejected},
    });
  }
  const std::string chosen = choice.chosen == FL_NO_MEMBER ? "" : name(choice.chosen);
  Json out{
      {"vip", node.publisher.names().vip(vip->vip)},
      {"hash", hex64(hash)},
      {"flow", flow},
      {"candidates", candidates},
      {"encapsulation", to_string(static_cast<model::Encapsulation>(vip->encapsulation))},
  };
  if (flow["found"].get<bool>()) {
    out["chosen"] = flow["backend"];
    out["why"] = "flow table of worker " + std::to_string(worker) + ": " +
                 flow["state"].get<std::string>() + " flow of " +
                 flow["backend"].get<std::string>();
    return out;
  }
  if (!chosen.empty()) out["chosen"] = chosen;
  out["why"] = reason(node, choice, chosen);
  return out;
}

}  // namespace fairlead::control
