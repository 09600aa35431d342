// SPDX-License-Identifier: BSD-3-Clause
// show rate: differences of counters between two questions.
#include <cstdint>

#include "control/cli/client.hh"
#include "control/cli/session.hh"
#include "control/cli/units.hh"

namespace fairlead::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Sample {
  Json total;
  Json latency;
  Clock::time_point at;
};

struct Rate {
  const char* title;
  const char* counter;
  const char* key;
  const char* unit;
  double factor;
};

constexpr Rate kRates[] = {
    {"RX", "rx_packets", "rx_pps", "pps", 1},
    {"TX", "tx_packets", "tx_pps", "pps", 1},
    {"PUNTED", "punted", "punted_pps", "pps", 1},
    {"DROPPED", "dropped", "dropped_pps", "pps", 1},
    {"NEW FLOWS", "flow_inserts", "new_flows_per_s", "/s", 1},
    {"RX BITS", "rx_bytes", "rx_bps", "bit/s", 8},
    {"TX BITS", "tx_bytes", "tx_bps", "bit/s", 8},
};
constexpr std::size_t kWidth = 14;  // two blanks between the longest

double counter(const Json& total, const char* name) {
  const auto found = total.is_object() ? total.find(name) : total.end();
  return total.is_object() && found != total.end() && found->is_number() ? found->get<double>() : 0;
}

std::string padded(const std::string& text) {
  return std::string(text.size() < kWidth ? kWidth - text.size() : 1, ' ') + text;
}

base::Result<Sample> sample(const std::string& socket, std::chrono::milliseconds timeout) {
  FL_ASSIGN(const Json stats, ask(socket, "show stats", Json::object(), timeout));
  Sample taken{Json::object(), Json::object(), Clock::now()};
  if (stats.is_object() && stats.contains("total")) taken.total = stats["total"];
  if (stats.is_object() && stats.contains("node_latency_us"))
    taken.latency = stats["node_latency_us"];
  return taken;
}

/// Counters that went back (a data plane that started again) count from 0.
double per_second(const Sample& before, const Sample& now, const Rate& rate) {
  const double seconds = std::chrono::duration<double>(now.at - before.at).count();
  const double from = counter(before.total, rate.counter);
  const double to = counter(now.total, rate.counter);
  return seconds > 0 ? (to - (to < from ? 0 : from)) * rate.factor / seconds : 0;
}

}  // namespace

base::Result<void> Session::print_rates(const Line& line, const Place& place) {
  bool json = settings_.json;
  for (const Call& filter : line.filters) {
    if (!filter.is("json")) {
      return base::invalid("show rate: takes only | json; it repeats with every and count");
    }
    json = true;
  }
  const Json& arguments = line.command.arguments;
  const std::chrono::milliseconds interval(arguments.value("interval_ms", 1000));
  const unsigned times = arguments.value("count", 1U);
  catch_interrupts();
  FL_ASSIGN(Sample before, sample(place.control_socket, settings_.timeout));
  std::string heading;
  for (const Rate& rate : kRates) heading += padded(rate.title);
  if (!json) FL_TRY(print(heading + padded("LATENCY P99") + "\n"));
  for (unsigned i = 0; i < times && sleep_for(interval); ++i) {
    FL_ASSIGN(Sample now, sample(place.control_socket, settings_.timeout));
    std::string row;
    Json object;
    for (const Rate& rate : kRates) {
      const double value = per_second(before, now, rate);
      row += padded(format_rate(value, rate.unit));
      object[rate.key] = value;
    }
    row += padded(cell(now.latency, "p99", Format::kMicroseconds));
    object["node_latency_us"] = now.latency;
    FL_TRY(print((json ? object.dump() : row) + "\n"));
    before = std::move(now);
  }
  return {};
}

}  // namespace fairlead::cli
