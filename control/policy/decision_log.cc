// SPDX-License-Identifier: BSD-3-Clause
// Turns to JSON and back.
#include "control/policy/decision_log.hh"

#include <istream>
#include <limits>

#include <nlohmann/json.hpp>

#include "control/model/names.hh"

namespace fairlead::policy {

namespace {

using Json = nlohmann::ordered_json;

// One list of members for both directions; `field` gets (key, member).
template <typename ReportType, typename Field>
void report_fields(ReportType& r, const Field& field) {
  field("received_ns", r.received_ns);
  field("sequence", r.sequence);
  field("cpu", r.cpu);
  field("application_utilization", r.application_utilization);
  field("requests_per_second", r.requests_per_second);
  field("errors_per_second", r.errors_per_second);
  field("active", r.active);
  field("active_samples", r.active_samples);
  field("mean_latency_us", r.mean_latency_us);
  field("period_ns", r.period);
}

template <typename ParametersType, typename Field>
void parameter_fields(ParametersType& p, const Field& field) {
  field("report_period_ns", p.report_period);
  field("stale_after_ns", p.stale_after);
  field("blackout_ns", p.blackout);
  field("error_penalty", p.error_penalty);
  field("dead_band", p.dead_band);
  field("max_step", p.max_step);
  field("doubted_step", p.doubted_step);
  field("floor", p.floor);
  field("exponent", p.exponent);
  field("memory", p.memory);
  field("window_completions", p.window_completions);
  field("window_time_ns", p.window_time);
  field("guard", p.guard);
  field("choices", p.choices);
}

/// Not a number is null in JSON; a report may hold one, and its turn must replay all the same.
double number(const Json& j) {
  return j.is_null() ? std::numeric_limits<double>::quiet_NaN() : j.get<double>();
}

Json parameters_json(const Parameters& p) {
  Json j;
  parameter_fields(p, [&](const char* key, const auto& value) { j[key] = value; });
  j["learning"] = static_cast<int>(p.learning);
  j["actor"] = p.actor.theta;
  return j;
}

Parameters parameters_from(const Json& j) {
  Parameters p;
  parameter_fields(p, [&](const char* key, auto& value) { j.at(key).get_to(value); });
  p.learning = static_cast<Learning>(j.at("learning").get<int>());
  j.at("actor").get_to(p.actor.theta);
  return p;
}

Json backend_json(const Backend& b, const Observation& o) {
  Json reports = Json::array();
  for (const Report& r : o.reports) {
    Json report;
    report_fields(r, [&](const char* key, const auto& value) { report[key] = value; });
    reports.push_back(std::move(report));
  }
  return {
      {"id", b.id},
      {"weight", b.weight},
      {"capacity", b.capacity},
      {"usable", b.usable},
      {"in_flight", o.in_flight},
      {"reports", std::move(reports)}};
}

void backend_from(const Json& j, Snapshot& snapshot, Observations& observed) {
  Backend b;
  j.at("id").get_to(b.id);
  j.at("weight").get_to(b.weight);
  j.at("capacity").get_to(b.capacity);
  j.at("usable").get_to(b.usable);
  Observation o;
  o.in_flight = number(j.at("in_flight"));
  for (const Json& report : j.at("reports")) {
    Report r;
    report_fields(r, [&](const char* key, auto& value) {
      if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, double>) {
        value = number(report.at(key));
      } else {
        report.at(key).get_to(value);
      }
    });
    o.reports.push_back(r);
  }
  snapshot.backends.push_back(std::move(b));
  observed.backends.push_back(std::move(o));
}

Json decision_json(const Snapshot& snapshot, const Weights& weights, const State& after) {
  Json backends = Json::array();
  for (std::size_t i = 0; i < weights.backends.size(); ++i) {
    const EffectiveWeight& w = weights.backends[i];
    backends.push_back({
        {"weight", w.weight},
        {"inverse_weight", w.inverse_weight},
        {"parallel", w.parallel},
        {"residual", after.backends.at(snapshot.backends[i].id).residual},
        {"why", w.why},
    });
  }
  return {
      {"frozen", weights.frozen},
      {"changed", weights.changed},
      {"fallbacks", after.guard.trips()},
      {"backends", std::move(backends)}};
}

Json begins_json(const State& before) {
  Json restored = Json::object();
  for (const auto& [id, s] : before.backends)
    restored[id] = {s.table_weight, s.score_weight, s.given, s.parallel};
  return {{"restored", std::move(restored)}};
}

State state_from(const Json& begins) {
  State state;
  for (const auto& [id, weights] : begins.at("restored").items()) {
    BackendState& s = state.backends[id];
    weights.at(0).get_to(s.table_weight);
    weights.at(1).get_to(s.score_weight);
    weights.at(2).get_to(s.given);
    weights.at(3).get_to(s.parallel);
  }
  return state;
}

/// Nothing measured yet: all there is are weights.
bool remembers_nothing(const State& state) {
  for (const auto& [id, s] : state.backends)
    if (s.first_seen != 0) return false;
  return true;
}

model::PolicyName policy_named(const std::string& name) {
  for (std::size_t i = 0; i < model::kPolicyNames.size(); ++i)
    if (model::kPolicyNames[i] == name) return static_cast<model::PolicyName>(i);
  throw std::invalid_argument("policy '" + name + "' is unknown");
}

/// What is known of a pool between its lines.
struct Memory {
  State state;
  Parameters parameters;
  bool begun = false;
};

/// "" when the line's decision follows from its inputs; else what is wrong.
std::string check(const Json& line, std::map<std::string, Memory>& pools) {
  Memory& pool = pools[line.at("pool").get<std::string>()];
  if (line.contains("begins")) {
    pool.state = state_from(line.at("begins"));
    pool.begun = true;
  }
  if (!pool.begun)
    return "the pool's first turn is missing, give the log from the start of the process";
  if (line.contains("parameters")) pool.parameters = parameters_from(line.at("parameters"));
  Snapshot snapshot;
  snapshot.policy = policy_named(line.at("policy").get<std::string>());
  snapshot.parameters = pool.parameters;
  Observations observed;
  line.at("now_ns").get_to(observed.now);
  for (const Json& backend : line.at("backends")) backend_from(backend, snapshot, observed);
  const Weights weights =
      update(snapshot, observed, pool.state, line.at("dt_ns").get<base::Nanoseconds>());
  const std::string ours = decision_json(snapshot, weights, pool.state).dump();
  const std::string logged = line.at("decision").dump();
  if (ours == logged) return "";
  std::size_t at = 0;
  while (at < ours.size() && at < logged.size() && ours[at] == logged[at]) ++at;
  const std::size_t from = at < 30 ? 0 : at - 30;
  return "the decision does not follow from the inputs: logged ..." + logged.substr(from, 60) +
         "..., recomputed ..." + ours.substr(from, 60) + "...";
}

/// What is wrong with a line that end() did not write so. The library's own words are for
/// programmers.
std::string damage_of(const std::string& text, std::map<std::string, Memory>& pools) {
  try {
    return check(Json::parse(text), pools);
  } catch (const Json::parse_error& e) {
    return "damaged, no JSON from byte " + std::to_string(e.byte) + " on";
  } catch (const Json::out_of_range& e) {
    const std::string what = e.what();  // "[json.exception...] key 'x' not found"
    const auto key = what.find("key ");
    return "damaged, " + (key == std::string::npos ? "a value is missing" : what.substr(key));
  } catch (const Json::exception&) {
    return "damaged, a value is of another kind than a policy writes";
  } catch (const std::exception& e) {
    return "damaged, " + std::string(e.what());
  }
}

}  // namespace

void DecisionLog::begin(const std::string& pool, const State& before) {
  begins_ = remembers_nothing(before) ? begins_json(before).dump() : "";
  if (!begins_.empty()) parameters_.erase(pool);
}

void DecisionLog::end(
    const std::string& pool,
    const Snapshot& snapshot,
    const Observations& observed,
    base::Nanoseconds dt,
    const Weights& weights,
    const State& after
) {
  Json line = {
      {"pool", pool},
      {"now_ns", observed.now},
      {"dt_ns", dt},
      {"policy", model::to_string(snapshot.policy)}};
  if (!begins_.empty()) line["begins"] = Json::parse(begins_);
  Json parameters = parameters_json(snapshot.parameters);
  std::string& last = parameters_[pool];
  if (std::string text = parameters.dump(); text != last) {
    last = std::move(text);
    line["parameters"] = std::move(parameters);
  }
  Json backends = Json::array();
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i)
    backends.push_back(backend_json(
        snapshot.backends[i], i < observed.backends.size() ? observed.backends[i] : Observation{}
    ));
  line["backends"] = std::move(backends);
  line["decision"] = decision_json(snapshot, weights, after);
  sink_(line.dump() + "\n");
}

base::Result<Replayed> replay(std::istream& log, const std::string& name) {
  std::map<std::string, Memory> pools;
  Replayed result;
  std::string text;
  while (std::getline(log, text)) {
    ++result.turns;
    const std::string wrong = damage_of(text, pools);
    if (!wrong.empty())
      return base::invalid(name + ":" + std::to_string(result.turns) + ": " + wrong);
  }
  if (result.turns == 0) return base::invalid(name + ":1: empty, no turn to replay");
  result.pools = pools.size();
  return result;
}

}  // namespace fairlead::policy
