// SPDX-License-Identifier: BSD-3-Clause
// Paths, codes, texts.
#include "control/config/load_probe_talk.hh"

#include <optional>
#include <string>

#include <re2/re2.h>

#include "control/config/units.hh"

namespace fairlead::config {
namespace {

constexpr std::size_t kMostText = 256;
constexpr std::size_t kMostName = 127;  // one octet of length on the wire

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// "200" or "200-399".
std::optional<model::StatusRange> status_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto least = parse_whole(trimmed(text.substr(0, dash)));
  const auto most = dash == text.npos ? least : parse_whole(trimmed(text.substr(dash + 1)));
  if (!least || !most || *least < 100 || *most > 599 || *least > *most) return std::nullopt;
  return model::StatusRange{static_cast<std::uint16_t>(*least), static_cast<std::uint16_t>(*most)};
}

void load_status(const Section& s, std::vector<model::StatusRange>& status) {
  const std::string text = s.text("status", "200-399");
  if (!s.has("status")) return;
  status.clear();
  for (std::string_view rest = text; !rest.empty();) {
    const auto comma = rest.find(',');
    const auto range = status_range(trimmed(rest.substr(0, comma)));
    if (!range) {
      s.error("status", "codes and ranges of 100 to 599 with commas between, as in 200-299, 404");
      return;
    }
    status.push_back(*range);
    rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  }
}

std::string bounded(
    const Section& s, std::string_view key, const std::string& fallback, std::size_t most
) {
  if (!s.has(key)) {
    s.shape(key, "");
    return fallback;
  }
  std::string text = s.text(key, "");
  if (text.size() > most)
    s.error(key, "is too long, at most " + std::to_string(most) + " characters");
  return text;
}

/// Text, or bytes as "0x0a0b".
std::string bytes(const Section& s, std::string_view key, const std::string& fallback) {
  const std::string text = bounded(s, key, fallback, 2 * kMostText + 2);
  if (!s.has(key) || text.compare(0, 2, "0x") != 0) return text;
  std::string out;
  for (std::size_t i = 2; i < text.size(); i += 2) {
    const auto digit = [&text](std::size_t at) {
      const auto found = std::string_view("0123456789abcdef").find(text[at]);
      return found == std::string_view::npos ? -1 : static_cast<int>(found);
    };
    const int high = digit(i);
    const int low = i + 1 < text.size() ? digit(i + 1) : -1;
    if (high < 0 || low < 0) {
      s.error(key, "after 0x come pairs of hexadecimal digits in lower case, as in 0x0a1f");
      return {};
    }
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

void load_tls(const Section& s, model::ProbeTalk& talk) {
  static constexpr std::string_view kSwitch[] = {"off", "on"};
  const Section tls = s.section("tls", {"name", "verify"});
  talk.tls_name = bounded(tls, "name", talk.tls_name, 253);
  talk.tls_verify = tls.word("verify", kSwitch, talk.tls_verify ? 1 : 0) == 1;
}

}  // namespace

std::vector<std::string_view> probe_talk_keys() {
  return {"path", "status", "body", "body_regex", "tls", "service", "send", "expect"};
}

model::ProbeTalk load_probe_talk(const Section& s, const model::ProbeTalk& defaults) {
  model::ProbeTalk talk = defaults;
  talk.path = s.text("path", defaults.path);
  if (talk.path.front() != '/' || talk.path.size() > kMostText ||
      talk.path.find_first_of(" \t\r\n") != std::string::npos) {
    s.error("path", "must begin with '/', have no blanks and at most 256 characters");
  }
  load_status(s, talk.status);
  talk.body = bounded(s, "body", defaults.body, kMostText);
  talk.body_regex = bounded(s, "body_regex", defaults.body_regex, kMostText);
  if (const RE2 regex(talk.body_regex, RE2::Quiet); !regex.ok())
    s.error("body_regex", "is no expression of RE2: " + regex.error());
  load_tls(s, talk);
  talk.service = bounded(s, "service", defaults.service, kMostName);
  talk.send = bytes(s, "send", defaults.send);
  talk.expect = bytes(s, "expect", defaults.expect);
  return talk;
}

}  // namespace fairlead::config
