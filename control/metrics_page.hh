// SPDX-License-Identifier: BSD-3-Clause
// One answer to a scrape, while it is written: families of metrics by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

namespace fairlead::control {

inline double number(std::uint64_t value) {
  return static_cast<double>(value);
}

/// Values under one name become one family; its first mention gives type and help. One thread.
class MetricsPage {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  void counter(const char* name, const char* help, Labels labels, double value) {
    add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
  }
  void gauge(const char* name, const char* help, Labels labels, double value) {
    add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
  }
  using Histogram = prometheus::ClientMetric::Histogram;
  void histogram(const char* name, const char* help, Histogram value) {
    add(name, help, prometheus::MetricType::Histogram, {}).histogram = std::move(value);
  }
  [[nodiscard]] std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& add(
      const char* name, const char* help, prometheus::MetricType type, Labels labels
  ) {
    auto it = index_.find(name);
    if (it == index_.end()) {
      it = index_.emplace(name, families_.size()).first;
      families_.push_back({name, help, type, {}});
    }
    auto& metrics = families_[it->second].metric;
    metrics.emplace_back();
    metrics.back().label = std::move(labels);
    return metrics.back();
  }
  std::vector<prometheus::MetricFamily> families_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace fairlead::control
