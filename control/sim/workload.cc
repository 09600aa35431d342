// SPDX-License-Identifier: BSD-3-Clause
// Distributions and arrival processes.
#include "control/sim/workload.hh"

#include <numbers>

#include "control/sim/portable_math.hh"

namespace fairlead::sim {

namespace {

/// Sine of a fraction of a turn, by Bhaskara's approximation (error 0.0016): a day need not be a
/// perfect sine, but must be the same on every machine.
double turn_sine(double turns) {
  double part = turns - static_cast<double>(static_cast<std::int64_t>(turns));
  const double sign = part < 0.5 ? 1 : -1;
  part = part < 0.5 ? part : part - 0.5;
  const double p = 2 * part * (1 - 2 * part);
  return sign * 16 * p / (5 - 4 * p);
}

}  // namespace

double capacity_of(const Setup& setup) {
  double sum = 0;
  for (const Backend& b : setup.backends) sum += b.spec.cores * b.spec.speed;
  return sum / setup.service.mean;
}

ServiceDraw::ServiceDraw(const Service& service) : service_(service) {
  switch (service.kind) {
    case ServiceKind::kLognormal:
      a_ = portable_log(service.mean) - service.sigma * service.sigma / 2;
      b_ = service.sigma;
      break;
    case ServiceKind::kBimodal:  // 95 % short, 5 % twenty times as long
      a_ = service.mean * 5 / 9.75;
      b_ = service.mean * 100 / 9.75;
      break;
    case ServiceKind::kPareto:
      a_ = service.mean * (service.sigma - 1) / service.sigma;
      b_ = -1 / service.sigma;
      break;
    case ServiceKind::kFixed:
    case ServiceKind::kExponential:
      break;
  }
}

double ServiceDraw::operator()(std::uint64_t word) const {
  const double u = policy::unit(word);
  switch (service_.kind) {
    case ServiceKind::kFixed:
      return service_.mean;
    case ServiceKind::kExponential:
      return -service_.mean * portable_log(u);
    case ServiceKind::kLognormal:
      return portable_exp(a_ + b_ * normal_quantile(u));
    case ServiceKind::kBimodal:
      return u < 0.95 ? a_ : b_;
    case ServiceKind::kPareto:
      return a_ * portable_exp(b_ * portable_log(u));
  }
  return service_.mean;
}

ArrivalProcess::ArrivalProcess(const Setup& setup)
    : setup_(&setup),
      rate_(setup.arrivals.rate / setup.connections.requests),
      gaps_(draws(setup.seed, StreamName::kGaps)),
      sources_(draws(setup.seed, StreamName::kSources)),
      bursts_(draws(setup.seed, StreamName::kBursts).word(0)) {}

double ArrivalProcess::rate_at(Time time) {
  const Arrivals& a = setup_->arrivals;
  const double seconds = static_cast<double>(time) * 1e-9;
  switch (a.kind) {
    case ArrivalKind::kPoisson:
      return rate_;
    case ArrivalKind::kBursty:
      while (seconds >= burst_until_) {
        burst_ = !burst_;
        burst_until_ += -a.period * portable_log(bursts_.uniform());
      }
      return rate_ * (burst_ ? 1 + a.amplitude : 1 - a.amplitude);
    case ArrivalKind::kDiurnal:
      return rate_ * (1 + a.amplitude * turn_sine(seconds / a.period));
    case ArrivalKind::kFlash:
      return time >= a.flash_from && time < a.flash_until ? rate_ * a.flash_factor : rate_;
  }
  return rate_;
}

Opening ArrivalProcess::next_from_file() {
  if (number_ >= setup_->requests.size()) return {};
  const FileRequest& r = setup_->requests[number_];
  return {r.at, number_++, r.source, r.port};
}

Opening ArrivalProcess::next() {
  if (setup_->has_requests) return next_from_file();
  const double rate = rate_at(static_cast<Time>(now_ * 1e9));
  now_ -= portable_log(gaps_.uniform(number_)) / rate;
  const auto at = static_cast<Time>(now_ * 1e9);
  if (rate <= 0 || at >= setup_->duration) return {};
  const std::uint64_t word = sources_.word(number_);
  // Clients of 10.0.0.0/8; ports of the ephemeral range.
  return {
      at,
      number_++,
      0x0a000000U | static_cast<std::uint32_t>(word & 0xffffff),
      static_cast<std::uint16_t>(1024 + ((word >> 32) % 64512))};
}

}  // namespace fairlead::sim
