// SPDX-License-Identifier: BSD-3-Clause
// One GET: status first, then what the body must hold.
#include <algorithm>
#include <utility>

#include <re2/re2.h>

#include "control/health/exchange.hh"
#include "control/health/http_reply.hh"

namespace fairlead::health {
namespace {

constexpr std::size_t kMostReply = 64 * 1024;

class HttpExchange final : public Exchange {
 public:
  explicit HttpExchange(const Target& target)
      : talk_(target.talk),
        request_(
            "GET " + target.talk.path + " HTTP/1.1\r\nHost: " + target.host +
            "\r\nUser-Agent: fairlead-health\r\nConnection: close\r\n\r\n"
        ) {}

  std::string take_output() override { return std::exchange(request_, {}); }

  std::optional<Verdict> on_bytes(std::string_view bytes) override {
    reply_.append(bytes.substr(0, kMostReply - reply_.size()));
    const auto status = http_status(reply_);
    if (!status) return std::nullopt;
    if (*status == 0) return Verdict{Outcome::kBadReply, 0};
    if (!wanted(*status)) return Verdict{Outcome::kBadStatus, *status};
    if (talk_.body.empty() && talk_.body_regex.empty()) return Verdict{Outcome::kOk, *status};
    const auto body = http_body(reply_);
    if (body && holds(body->text)) return Verdict{Outcome::kOk, *status};
    const bool more = reply_.size() < kMostReply && !(body && (body->whole || !body->sound));
    return more ? std::nullopt : std::optional(Verdict{Outcome::kBadBody, *status});
  }

  Verdict on_end() override {
    const int status = http_status(reply_).value_or(0);
    return {status == 0 ? Outcome::kBadReply : Outcome::kBadBody, status};
  }

 private:
  [[nodiscard]] bool wanted(int status) const {
    return std::any_of(talk_.status.begin(), talk_.status.end(), [status](model::StatusRange r) {
      return status >= r.least && status <= r.most;
    });
  }
  [[nodiscard]] bool holds(const std::string& body) const {
    if (!talk_.body.empty() && body.find(talk_.body) == std::string::npos) return false;
    if (talk_.body_regex.empty()) return true;
    return RE2::PartialMatch(body, RE2(talk_.body_regex, RE2::Quiet));  // its time is linear
  }

  const model::ProbeTalk talk_;
  std::string request_;
  std::string reply_;
};

}  // namespace

std::unique_ptr<Exchange> open_http_exchange(const Target& target) {
  return std::make_unique<HttpExchange>(target);
}

}  // namespace fairlead::health
