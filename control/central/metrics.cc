// SPDX-License-Identifier: BSD-3-Clause
// prometheus-cpp's exposer; its exceptions end here.
#include "control/central/metrics.hh"

#include <exception>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

namespace fairlead::central {
namespace {

class Collector final : public prometheus::Collectable {
 public:
  explicit Collector(Metrics::Fill fill) : fill_(std::move(fill)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    control::MetricsPage page;
    fill_(page);
    return page.take();
  }

 private:
  Metrics::Fill fill_;
};

class ExposedMetrics final : public Metrics {
 public:
  ExposedMetrics(const std::string& listen, Fill fill)
      : collector_(std::make_shared<Collector>(std::move(fill))), exposer_(listen, 1) {
    exposer_.RegisterCollectable(collector_);
  }

 private:
  std::shared_ptr<Collector> collector_;
  prometheus::Exposer exposer_;
};

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

base::Result<std::unique_ptr<Metrics>> Metrics::start(const std::string& listen, Fill fill) {
  try {
    return std::unique_ptr<Metrics>(std::make_unique<ExposedMetrics>(listen, std::move(fill)));
  } catch (const std::exception&) {
    return base::fail(
        base::ErrorCode::kUnavailable,
        "--metrics: cannot listen on " + listen +
            ", the port is taken or the address is not of this host"
    );
  }
}

double cpu_seconds() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace fairlead::central
