// SPDX-License-Identifier: BSD-3-Clause
// Typed reading with the messages that operators see.
#include "control/config/section.hh"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "control/config/units.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

// NUL would end a path or name early, a line break would forge a line of a log.
bool has_control_character(std::string_view text) {
  return base::printable(text) != text;
}

// "0120" is 80 to YAML 1.1, 120 to others: nobody can know what was meant.
bool has_leading_zero(std::string_view text) {
  return text.size() > 1 && text[0] == '0' && text.find_first_not_of("0123456789") == text.npos;
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

bool is_unicast(const net::IpAddr& address) {
  const auto first = address.bytes[0];
  if (address.is_v4()) return first != 0 && first < 224;
  return first != 0xff && address != net::IpAddr{{}, net::Family::kIpv6};
}

// ::ffff:203.0.113.10: no packet ever carries it.
bool is_mapped(const net::IpAddr& address) {
  static const net::Prefix kMapped = net::Prefix::parse("::ffff:0:0/96").value_or(net::Prefix{});
  return kMapped.contains(address);
}

// fe80::1 means another host on every link, so a tunnel has no way to it.
bool is_link_local(const net::IpAddr& address) {
  return !address.is_v4() && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

bool is_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = parse_whole(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return false;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = net::IpAddr::parse(host);
  return address && address->is_v4() != bracketed;
}

}  // namespace

std::string Diagnosis::at(int line, std::string_view path, std::string_view what) const {
  std::string out = file_ + ":" + std::to_string(line) + ": ";
  if (!path.empty()) out.append(path).append(": ");
  return out.append(what);
}

void Diagnosis::error(int line, std::string_view path, std::string_view what) {
  if (error_.empty()) error_ = at(line, path, what);
}

void Diagnosis::warn(int line, std::string_view path, std::string_view what) {
  warnings_.push_back(at(line, path, what));
}

Section::Section(
    const Value* value,
    int line,
    std::string path,
    std::vector<std::string_view> known,
    Diagnosis& diagnosis
)
    : value_(value),
      line_(value == nullptr ? line : value->line),
      path_(std::move(path)),
      known_(std::move(known)),
      diagnosis_(&diagnosis) {
  if (value_ == nullptr) return;
  if (value_->kind != Value::Kind::kMap) {
    diagnosis_->error(line_, path_, "expected a map of " + joined(known_));
    value_ = nullptr;
    return;
  }
  for (const Entry& entry : value_->entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const auto near = nearest(entry.key, known_);
    const std::string hint =
        near ? "did you mean '" + std::string(*near) + "'?" : "known here: " + joined(known_);
    const std::string key = base::quoted(entry.key);
    diagnosis_->error(
        entry.line, path_of(std::string_view(key).substr(1, key.size() - 2)), "unknown key, " + hint
    );
  }
}

const Value* Section::find(std::string_view key) const {
  if (value_ == nullptr) return nullptr;
  for (const Entry& entry : value_->entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

int Section::line_of(std::string_view key) const {
  const Value* v = find(key);
  return v == nullptr ? line_ : v->line;
}

std::string Section::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void Section::error(std::string_view key, std::string_view what) const {
  diagnosis_->error(line_of(key), path_of(key), what);
}

void Section::warn(std::string_view key, std::string_view what) const {
  diagnosis_->warn(line_of(key), path_of(key), what);
}

bool Section::require(std::string_view key, std::string_view example) const {
  if (has(key)) return true;
  diagnosis_->error(
      line_, path_of(key), "missing, write for example '" + std::string(example) + "'"
  );
  return false;
}

void Section::refuse(std::string_view key, std::string_view value, std::string_view what) const {
  error(key, base::quoted(value) + " " + std::string(what));
}

std::optional<std::string> Section::scalar(std::string_view key, std::string_view wanted) const {
  const Value* v = find(key);
  if (v == nullptr) return std::nullopt;
  if (v->kind == Value::Kind::kScalar) return v->text;
  const std::string_view what = v->kind == Value::Kind::kNull   ? "has no value, use "
                                : v->kind == Value::Kind::kList ? "is a list, use "
                                                                : "is a map, use ";
  error(key, std::string(what) + std::string(wanted));
  return std::nullopt;
}

std::string Section::text(std::string_view key, std::string fallback) const {
  const auto raw = scalar(key, "text");
  if (!raw) return fallback;
  if (raw->empty()) {
    error(key, "is empty, give a value or leave the key out");
    return fallback;
  }
  if (has_control_character(*raw)) {
    refuse(key, *raw, "has a control character, remove it");
    return fallback;
  }
  return *raw;
}

std::string Section::name(std::string_view key, std::string fallback) const {
  const auto raw = scalar(key, kNameForm);
  if (!raw) return fallback;
  if (is_name(*raw)) return *raw;
  refuse(key, *raw, "is not a name, use " + std::string(kNameForm));
  return fallback;
}

std::uint64_t Section::whole(std::string_view key, Range range, std::uint64_t fallback) const {
  const std::string form = std::to_string(range.least) + " to " + std::to_string(range.most);
  const auto raw = scalar(key, form);
  if (!raw) return fallback;
  const auto value = parse_whole(*raw);
  if (value && *value >= range.least && *value <= range.most) return *value;
  if (has_leading_zero(*raw)) {
    refuse(key, *raw, "begins with 0, which some read as octal; write it without, use " + form);
    return fallback;
  }
  const bool digits = raw->find_first_not_of("0123456789") == std::string::npos && !raw->empty();
  refuse(key, *raw, (digits ? "is out of range, use " : "is not a whole number, use ") + form);
  return fallback;
}

double Section::real(std::string_view key, double above, double most, double fallback) const {
  const std::string form = "a number above " + number(above) + " and at most " + number(most);
  const auto raw = scalar(key, form);
  if (!raw) return fallback;
  const auto value = parse_real(*raw);
  if (value && *value > above && *value <= most) return *value;
  refuse(key, *raw, (value ? "is out of range, use " : "is not a number, use ") + form);
  return fallback;
}

base::Nanoseconds Section::duration(std::string_view key, Range ns, base::Nanoseconds fallback)
    const {
  const std::string form = format_duration(ns.least) + " to " + format_duration(ns.most);
  const auto raw = scalar(key, form);
  if (!raw) return fallback;
  const auto value = parse_duration(*raw);
  if (value && *value >= ns.least && *value <= ns.most) return *value;
  refuse(
      key,
      *raw,
      value ? "is out of range, use " + form
            : "is not a duration, use a whole number with ns, us, ms, s, m or h (" + form + ")"
  );
  return fallback;
}

std::uint64_t Section::bytes(std::string_view key, Range range, std::uint64_t fallback) const {
  const std::string form = format_bytes(range.least) + " to " + format_bytes(range.most);
  const auto raw = scalar(key, form);
  if (!raw) return fallback;
  const auto value = parse_bytes(*raw);
  if (value && *value >= range.least && *value <= range.most) return *value;
  refuse(
      key,
      *raw,
      value ? "is out of range, use " + form
            : "is not a size, use a whole number with KiB, MiB or GiB (" + form + ")"
  );
  return fallback;
}

std::uint64_t Section::count(std::string_view key, Range range, std::uint64_t fallback) const {
  const std::string form = std::to_string(range.least) + " to " + std::to_string(range.most);
  const auto raw = scalar(key, form);
  if (!raw) return fallback;
  const auto value = parse_count(*raw);
  if (value && *value >= range.least && *value <= range.most) return *value;
  refuse(
      key,
      *raw,
      value ? "is out of range, use " + form
            : "is not a count, use a whole number, k, M or G may follow (" + form + ")"
  );
  return fallback;
}

std::size_t Section::word(
    std::string_view key, std::span<const std::string_view> words, std::size_t fallback
) const {
  const auto raw = scalar(key, joined(words));
  if (!raw) return fallback;
  const auto found = std::find(words.begin(), words.end(), *raw);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const auto near = nearest(*raw, words);
  const std::string hint = near ? ", did you mean '" + std::string(*near) + "'?" : "";
  refuse(key, *raw, "is not one of " + joined(words) + hint);
  return fallback;
}

std::optional<net::IpAddr> Section::address(std::string_view key) const {
  const auto raw = scalar(key, "an IPv4 or IPv6 address");
  if (!raw) return std::nullopt;
  const auto value = net::IpAddr::parse(*raw);
  if (!value) refuse(key, *raw, "is not an address, use IPv4 or IPv6 digits (no host name)");
  if (value && !is_unicast(*value)) refuse(key, *raw, "is not of one host, use a unicast address");
  if (value && is_mapped(*value)) refuse(key, *raw, "is IPv4 in the clothes of IPv6, write IPv4");
  return value;
}

std::optional<net::IpAddr> Section::routed_address(std::string_view key) const {
  const auto value = address(key);
  if (value && is_link_local(*value)) {
    refuse(key, value->to_string(), "is link-local, use an address that routers know");
  }
  return value;
}

std::optional<net::Prefix> Section::prefix(std::string_view key) const {
  const auto raw = scalar(key, "an IPv4 or IPv6 address or prefix");
  if (!raw) return std::nullopt;
  const auto value = net::Prefix::parse(*raw);
  if (!value) {
    refuse(
        key, *raw, "is not an address or prefix, use for example 203.0.113.10 or 203.0.113.0/28"
    );
    return std::nullopt;
  }
  if (net::IpAddr::parse(raw->substr(0, raw->find('/'))) != value->address) {
    refuse(key, *raw, "has address bits beyond its length, write " + value->to_string());
  }
  return value;
}

std::optional<net::Prefix> Section::vip(std::string_view key) const {
  const auto value = prefix(key);
  if (!value) return std::nullopt;
  const net::IpAddr& a = value->address;
  const bool loopback =
      a.is_v4() ? a.bytes[0] == 127 : a == net::IpAddr::parse("::1").value_or(net::IpAddr{});
  if (!is_unicast(a) || loopback || is_link_local(a) || is_mapped(a)) {
    refuse(key, value->to_string(), "is nothing that clients can call, use unicast addresses");
  }
  return value;
}

std::optional<net::MacAddr> Section::mac(std::string_view key) const {
  const auto raw = scalar(key, "a MAC address in quotes");
  if (!raw) return std::nullopt;
  const auto value = net::MacAddr::parse(*raw);
  if (!value) {
    refuse(key, *raw, "is not a MAC address, use for example \"02:00:00:00:00:01\"");
    return std::nullopt;
  }
  if ((value->bytes[0] & 1U) != 0 || value->is_zero()) {
    refuse(key, *raw, "is a multicast or zero MAC address, use the neighbour's own");
    return std::nullopt;
  }
  return value;
}

std::string Section::interface(std::string_view key) const {
  const std::string name = text(key, "");
  if (name.size() > 15 || name.find_first_of("/ ") != std::string::npos || name == "." ||
      name == "..") {
    refuse(key, name, "is no interface name (at most 15 characters); see: ip link");
  }
  return name;
}

std::string Section::listen(std::string_view key, std::string fallback) const {
  const auto raw = scalar(key, "ADDRESS:PORT or off");
  if (!raw) return fallback;
  if (*raw == "off") return "";
  if (is_endpoint(*raw)) return *raw;
  refuse(key, *raw, "is not ADDRESS:PORT, use for example 127.0.0.1:9101, \"[::1]:9101\" or off");
  return fallback;
}

std::span<const Value> Section::list(std::string_view key) const {
  const Value* v = find(key);
  if (v == nullptr) return {};
  if (v->kind == Value::Kind::kList) return v->items;
  error(key, "expected a list, write each element after '- '");
  return {};
}

Section Section::section(std::string_view key, std::vector<std::string_view> known) const {
  return Section(find(key), line_, path_of(key), std::move(known), *diagnosis_);
}

}  // namespace fairlead::config
