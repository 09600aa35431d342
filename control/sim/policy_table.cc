// SPDX-License-Identifier: BSD-3-Clause
// Every policy by name: what routes, who computes weights, what nodes exchange.
#include <charconv>
#include <functional>
#include <map>

#include "control/sim/scenario.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::sim {

namespace {

using model::PolicyName;

struct Row {
  PolicyInfo info;
  PolicySpec spec;
};

PolicySpec table(PolicyName weights, std::uint32_t choices, bool ejection, bool exchanges) {
  PolicySpec s;
  s.weights = weights;
  s.choices = choices;
  s.ejection = ejection;
  s.exchanges = exchanges;
  return s;
}

PolicySpec picker(std::string name, PolicyName weights = PolicyName::kStatic) {
  PolicySpec s;
  s.family = Family::kPicker;
  s.picker = std::move(name);
  s.weights = weights;
  s.choices = 2;  // p2c
  return s;
}

PolicySpec bound(Family family) {
  PolicySpec s;
  s.family = family;
  s.weights = PolicyName::kStatic;
  return s;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {{"random", "any backend alike"}, picker("random")},
      {{"static", "Maglev table of configured weights"},
       table(PolicyName::kStatic, 1, false, false)},
      {{"wrr", "smooth round robin, ORCA's dynamic weights"}, picker("wrr", PolicyName::kWrr)},
      {{"static-wrr", "smooth round robin, configured weights"}, picker("wrr")},
      {{"lc", "least connections of the node"}, picker("lc")},
      {{"wlc", "weighted least connections of the node"}, picker("wlc")},
      {{"wlc-learned", "the same with the weights of adaptive"},
       picker("wlc", PolicyName::kAdaptive)},
      {{"sed", "shortest expected delay of the node"}, picker("sed")},
      {{"p2c", "two backends by weight, the less loaded"}, picker("p2c")},
      {{"p2c-learned", "the same with the weights of adaptive"},
       picker("p2c", PolicyName::kAdaptive)},
      {{"peak-ewma", "latency x load, the better of two"}, picker("peak-ewma")},
      {{"prequal", "probes, hot-cold rule"}, picker("prequal")},
      {{"jiq", "join idle queue"}, picker("jiq", PolicyName::kAdaptive)},
      {{"utilisation-law", "Maglev table of measured capacities"},
       table(PolicyName::kAdaptive, 1, false, false)},
      {{"latency", "three candidates, score by latency"},
       table(PolicyName::kLatency, 3, true, true)},
      {{"adaptive", "three candidates, measured capacities, all nodes' counts, ejection"},
       table(PolicyName::kAdaptive, 3, true, true)},
      {{"adaptive-local", "the same with the node's own counts only"},
       table(PolicyName::kAdaptive, 3, true, false)},
      {{"eg", "adaptive with the exponentiated-gradient residual in the score"},
       table(PolicyName::kEg, 3, true, true)},
      {{"actor-critic", "adaptive with the trained actor's residual in the score"},
       table(PolicyName::kActorCritic, 3, true, true)},
      {{"jsq", "bound: central shortest expected delay, instant, true speeds"},
       bound(Family::kJsq)},
      {{"central-queue", "bound: one queue for all, fastest idle core first"},
       bound(Family::kCentralQueue)},
  };
  return kRows;
}

using Setter = std::function<void(PolicySpec&, double)>;
using Applies = bool (*)(const PolicySpec&);

bool is_any_table(const PolicySpec& s) {
  return s.family == Family::kTable;
}
/// Draws or compares a number of backends for each connection.
bool compares(const PolicySpec& s) {
  return s.family == Family::kTable || s.picker == "p2c";
}
bool measures(const PolicySpec& s) {
  return s.weights == PolicyName::kWrr || s.weights == PolicyName::kAdaptive ||
         s.weights == PolicyName::kEg || s.weights == PolicyName::kActorCritic;
}
bool estimates(const PolicySpec& s) {
  return measures(s) && s.weights != PolicyName::kWrr;
}
bool learns(const PolicySpec& s) {
  return s.weights == PolicyName::kEg || s.weights == PolicyName::kActorCritic;
}
bool is_no_bound(const PolicySpec& s) {
  return s.family == Family::kTable || s.family == Family::kPicker;
}

struct Knob {
  double least;
  double most;
  Setter set;
  Applies applies;
};

const std::map<std::string, Knob, std::less<>>& knobs() {
  static const std::map<std::string, Knob, std::less<>> kKnobs = {
      {"choices",
       {1,
        4,
        [](PolicySpec& s, double v) { s.choices = static_cast<std::uint32_t>(v); },
        compares}},
      {"exponent", {0.1, 4, [](PolicySpec& s, double v) { s.parameters.exponent = v; }, estimates}},
      {"dead-band", {0, 1, [](PolicySpec& s, double v) { s.parameters.dead_band = v; }, measures}},
      {"guard", {1, 100, [](PolicySpec& s, double v) { s.parameters.guard = v; }, estimates}},
      {"memory", {1, 1e9, [](PolicySpec& s, double v) { s.parameters.memory = v; }, estimates}},
      {"max-step",
       {0.001, 1e9, [](PolicySpec& s, double v) { s.parameters.max_step = v; }, measures}},
      {"ejection", {0, 1, [](PolicySpec& s, double v) { s.ejection = v > 0; }, is_any_table}},
      {"exchanges", {0, 1, [](PolicySpec& s, double v) { s.exchanges = v > 0; }, is_any_table}},
      {"learning",
       {0,
        2,
        [](PolicySpec& s, double v) { s.parameters.learning = static_cast<policy::Learning>(v); },
        learns}},
      {"true-weights",
       {0, 1, [](PolicySpec& s, double v) { s.true_weights = v > 0; }, is_no_bound}},
  };
  return kKnobs;
}

base::Result<bool> apply_knob(std::string_view text, PolicySpec& spec) {
  const auto equals = text.find('=');
  const std::string name(text.substr(0, equals));
  const auto knob = knobs().find(name);
  if (equals == std::string_view::npos || knob == knobs().end() || !knob->second.applies(spec)) {
    std::string names;
    for (const auto& [known, k] : knobs())
      if (k.applies(spec)) names += " " + known;
    return base::invalid(
        "policy " + base::quoted(spec.name) + ": no parameter " + base::quoted(name) +
        (names.empty() ? ", it has none" : ", write NAME=NUMBER with one of:" + names)
    );
  }
  const std::string number(text.substr(equals + 1));
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() ||
      !(value >= knob->second.least && value <= knob->second.most))
    return base::invalid(
        "policy " + base::quoted(spec.name) + ": " + base::quoted(number) + " is no value for " +
        name
    );
  knob->second.set(spec, value);
  return true;
}

}  // namespace

const std::vector<PolicyInfo>& policies() {
  static const std::vector<PolicyInfo> kAll = [] {
    std::vector<PolicyInfo> all;
    for (const Row& row : rows()) all.push_back(row.info);
    return all;
  }();
  return kAll;
}

base::Result<PolicySpec> make_policy(std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const Row& row : rows()) {
    if (row.info.name != name) continue;
    PolicySpec spec = row.spec;
    spec.name = std::string(text);
    for (std::size_t from = colon; from != std::string_view::npos;) {
      const auto comma = text.find(',', from + 1);
      FL_TRY(apply_knob(text.substr(from + 1, comma - from - 1), spec));
      from = comma;
    }
    return spec;
  }
  std::string names;
  for (const Row& row : rows()) names += " " + std::string(row.info.name);
  return base::invalid("policy " + base::quoted(name) + ": unknown, use one of:" + names);
}

}  // namespace fairlead::sim
