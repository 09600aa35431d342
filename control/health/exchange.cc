// SPDX-License-Identifier: BSD-3-Clause
// Which exchange a target has, and that of UDP.
#include "control/health/exchange.hh"

#include <utility>

namespace fairlead::health {
namespace {

class DatagramExchange final : public Exchange {
 public:
  explicit DatagramExchange(const model::ProbeTalk& talk)
      : send_(talk.send), expect_(talk.expect) {}
  std::string take_output() override { return std::exchange(send_, {}); }
  std::optional<Verdict> on_bytes(std::string_view bytes) override {
    const bool good = bytes.find(expect_) != std::string_view::npos;
    return Verdict{good ? Outcome::kOk : Outcome::kBadBody, 0};
  }
  Verdict on_end() override { return {Outcome::kBadReply, 0}; }

 private:
  std::string send_;
  std::string expect_;
};

}  // namespace

std::unique_ptr<Exchange> open_exchange(const Target& target) {
  switch (target.kind) {
    case model::ProbeKind::kHttp:
    case model::ProbeKind::kHttps:
      return open_http_exchange(target);
    case model::ProbeKind::kGrpc:
    case model::ProbeKind::kGrpcs:
      return open_grpc_exchange(target);
    case model::ProbeKind::kUdp:
      return std::make_unique<DatagramExchange>(target.talk);
    default:
      return nullptr;
  }
}

}  // namespace fairlead::health
