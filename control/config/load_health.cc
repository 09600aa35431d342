// SPDX-License-Identifier: BSD-3-Clause
// Health sections.
#include "control/config/load_health.hh"

#include <string>
#include <string_view>
#include <vector>

#include "control/config/load_probe_talk.hh"
#include "control/model/names.hh"

namespace fairlead::config {
namespace {

std::vector<std::string_view> keys() {
  std::vector<std::string_view> out = {
      "type",
      "via",
      "interval",
      "timeout",
      "rise",
      "fall",
      "min_healthy_pct",
      "quorum",
      "slow_start",
      "flaps",
      "outliers"};
  const auto talk = probe_talk_keys();
  out.insert(out.begin() + 2, talk.begin(), talk.end());
  return out;
}

void load_caution(const Section& s, model::Health& h) {
  constexpr Range kHalfLife{base::kSecond, 24 * 3600 * base::kSecond};
  constexpr Range kHold{base::kSecond, 3600 * base::kSecond};
  constexpr double kOff = -1e-9;  // Section::real() wants values above its first bound
  const auto ms = [](const Section& of, std::string_view key, Range range, std::uint32_t fallback) {
    return static_cast<std::uint32_t>(
        of.duration(key, range, fallback * base::kMillisecond) / base::kMillisecond
    );
  };
  h.quorum = static_cast<model::Quorum>(
      s.word("quorum", model::kQuorumNames, static_cast<std::size_t>(h.quorum))
  );
  h.slow_start_ms = ms(s, "slow_start", {0, 3600 * base::kSecond}, h.slow_start_ms);
  const Section flaps = s.section("flaps", {"limit", "half_life"});
  h.flap_limit = static_cast<std::uint32_t>(flaps.whole("limit", {0, 1000}, h.flap_limit));
  h.flap_half_life_ms = ms(flaps, "half_life", kHalfLife, h.flap_half_life_ms);
  const Section outliers = s.section("outliers", {"failures", "cap_pct", "hold"});
  h.outlier_failures = outliers.real("failures", kOff, 1, h.outlier_failures);
  h.outlier_cap_pct =
      static_cast<std::uint32_t>(outliers.whole("cap_pct", {0, 100}, h.outlier_cap_pct));
  h.outlier_hold_ms = ms(outliers, "hold", kHold, h.outlier_hold_ms);
}

model::Health read(const Section& s, const model::Health& defaults) {
  constexpr Range kInterval{50 * base::kMillisecond, 3600 * base::kSecond};
  constexpr Range kTimeout{10 * base::kMillisecond, 60 * base::kSecond};
  model::Health h = defaults;
  h.kind = static_cast<model::ProbeKind>(
      s.word("type", model::kProbeKindNames, static_cast<std::size_t>(defaults.kind))
  );
  h.via = static_cast<model::ProbeVia>(
      s.word("via", model::kProbeViaNames, static_cast<std::size_t>(defaults.via))
  );
  h.talk = load_probe_talk(s, defaults.talk);
  const auto ms = [&s](std::string_view key, Range range, std::uint32_t fallback) {
    return static_cast<std::uint32_t>(
        s.duration(key, range, fallback * base::kMillisecond) / base::kMillisecond
    );
  };
  h.interval_ms = ms("interval", kInterval, defaults.interval_ms);
  h.timeout_ms = ms("timeout", kTimeout, defaults.timeout_ms);
  if (h.timeout_ms > h.interval_ms) {
    s.error(
        s.has("timeout") ? "timeout" : "interval",
        "timeout " + std::to_string(h.timeout_ms) + "ms is longer than interval " +
            std::to_string(h.interval_ms) + "ms, a probe must end before the next begins"
    );
  }
  h.rise = static_cast<std::uint32_t>(s.whole("rise", {1, 100}, defaults.rise));
  h.fall = static_cast<std::uint32_t>(s.whole("fall", {1, 100}, defaults.fall));
  h.min_healthy_pct =
      static_cast<std::uint32_t>(s.whole("min_healthy_pct", {0, 100}, defaults.min_healthy_pct));
  load_caution(s, h);
  return h;
}

}  // namespace

model::Health load_health(const Section& root) {
  return read(root.section("health", keys()), model::Health{});
}

model::Health load_vip_health(const Section& s, const model::Vip& vip, const model::Health& top) {
  model::Health defaults = top;
  // A UDP service seldom listens on TCP too, so the default probe would condemn it.
  if (vip.protocol == net::IpProto::kUdp) defaults.kind = model::ProbeKind::kHost;
  const Section own = s.section("health", keys());
  if (vip.encapsulation == model::Encapsulation::kL2) {
    if (own.has("via") && own.word("via", model::kProbeViaNames, 0) == 1)
      own.error("via", "a vip of encapsulation l2 has no tunnel, use direct");
    defaults.via = model::ProbeVia::kDirect;
  }
  return read(own, defaults);
}

}  // namespace fairlead::config
