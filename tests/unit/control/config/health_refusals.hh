// SPDX-License-Identifier: BSD-3-Clause
// More of the table of bad configurations: health checks.
#pragma once

#include "tests/unit/control/config/refusals.hh"

namespace fairlead::config {

inline const Refusal kHealthRefusals[] = {
    {"a duration without unit",
     "health: {interval: 500}\n" VIP,
     "c.yaml:1: health.interval: '500' is not a duration, use a whole number with ns, us, ms, s, m "
     "or h (50ms to 1h)"},
    {"a duration with a foreign unit",
     "health: {interval: 500msec}\n" VIP,
     "c.yaml:1: health.interval: '500msec' is not a duration, use a whole number with ns, us, ms, "
     "s, m or h (50ms to 1h)"},
    {"a timeout longer than the interval",
     "health: {interval: 200ms}\n" VIP,
     "c.yaml:1: health.interval: timeout 300ms is longer than interval 200ms, a probe must end "
     "before the next begins"},
    {"an interval of zero",
     "health: {interval: 0}\n" VIP,
     "c.yaml:1: health.interval: '0' is out of range, use 50ms to 1h"},
    {"no rise",
     "health: {rise: 0}\n" VIP,
     "c.yaml:1: health.rise: '0' is out of range, use 1 to 100"},
    {"an unknown probe",
     "health: {type: htttp}\n" VIP,
     "c.yaml:1: health.type: 'htttp' is not one of none, tcp, http, host, https, grpc, udp or "
     "grpcs, did you mean 'http'?"},
    {"a relative probe path",
     "health: {type: http, path: health}\n" VIP,
     "c.yaml:1: health.path: must begin with '/', have no blanks and at most 256 characters"},
    {"a status that is none",
     "health: {status: 200-299 404}\n" VIP,
     "c.yaml:1: health.status: codes and ranges of 100 to 599 with commas between, as in 200-299, "
     "404"},
    {"a range of statuses the wrong way round",
     "health: {status: 399-200}\n" VIP,
     "c.yaml:1: health.status: codes and ranges of 100 to 599 with commas between, as in 200-299, "
     "404"},
    {"an expression that is none",
     "health: {body_regex: '(ok'}\n" VIP,
     "c.yaml:1: health.body_regex: is no expression of RE2: missing ): (ok"},
    {"half an octet",
     "health: {send: 0x0a1}\n" VIP,
     "c.yaml:1: health.send: after 0x come pairs of hexadecimal digits in lower case, as in "
     "0x0a1f"},
    {"an unknown switch of TLS",
     "health: {tls: {verify: yes}}\n" VIP,
     "c.yaml:1: health.tls.verify: 'yes' is not one of off or on"},
    {"a fraction above all",
     "health: {min_healthy_pct: 101}\n" VIP,
     "c.yaml:1: health.min_healthy_pct: '101' is out of range, use 0 to 100"},
};

}  // namespace fairlead::config
