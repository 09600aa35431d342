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

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace

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

void Section::record(std::string_view key, KeyRecord record) const {
  if (!diagnosis_->records()) return;
  record.path = path_of(key);
  if (value_ != nullptr) {
    for (const Entry& entry : value_->entries)
      if (entry.key == key) record.line = entry.line;
  }
  diagnosis_->record(std::move(record));
}

void Section::shape(std::string_view key, std::string_view pattern) const {
  record(key, {.kind = KeyKind::kText, .pattern = std::string(pattern), .bare = true});
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
  record(key, {.kind = KeyKind::kText, .required = true, .bare = true});
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
  record(key, {.kind = KeyKind::kText, .fallback = fallback});
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

std::string Section::file(std::string_view key) const {
  std::string path = text(key, "");
  if (!path.empty() && path.front() != '/') error(key, base::quoted(path) + " must begin with '/'");
  return path;
}

std::string Section::name(std::string_view key, std::string fallback) const {
  record(key, {.kind = KeyKind::kName, .fallback = fallback});
  const auto raw = scalar(key, kNameForm);
  if (!raw) return fallback;
  if (is_name(*raw)) return *raw;
  refuse(key, *raw, "is not a name, use " + std::string(kNameForm));
  return fallback;
}

std::uint64_t Section::whole(std::string_view key, Range range, std::uint64_t fallback) const {
  const std::string form = std::to_string(range.least) + " to " + std::to_string(range.most);
  record(
      key,
      {.kind = KeyKind::kWhole,
       .least = static_cast<double>(range.least),
       .most = static_cast<double>(range.most),
       .range = form,
       .fallback = std::to_string(fallback)}
  );
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
  const std::string form =
      "a number above " + number_text(above) + " and at most " + number_text(most);
  record(
      key,
      {.kind = KeyKind::kReal,
       .least = above,
       .most = most,
       .range = form,
       .fallback = number_text(fallback)}
  );
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
  record(
      key,
      {.kind = KeyKind::kDuration,
       .least = static_cast<double>(ns.least),
       .most = static_cast<double>(ns.most),
       .range = form,
       .fallback = format_duration(fallback)}
  );
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
  record(
      key,
      {.kind = KeyKind::kBytes,
       .least = static_cast<double>(range.least),
       .most = static_cast<double>(range.most),
       .range = form,
       .fallback = format_bytes(fallback)}
  );
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
  record(
      key,
      {.kind = KeyKind::kCount,
       .least = static_cast<double>(range.least),
       .most = static_cast<double>(range.most),
       .range = form,
       .fallback = std::to_string(fallback)}
  );
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
  record(
      key,
      {.kind = KeyKind::kWord,
       .fallback = std::string(words[fallback]),
       .words = {words.begin(), words.end()}}
  );
  const auto raw = scalar(key, joined(words));
  if (!raw) return fallback;
  const auto found = std::find(words.begin(), words.end(), *raw);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const auto near = nearest(*raw, words);
  const std::string hint = near ? ", did you mean '" + std::string(*near) + "'?" : "";
  refuse(key, *raw, "is not one of " + joined(words) + hint);
  return fallback;
}

std::string index_path(std::string_view list, std::size_t i) {
  return std::string(list) + "[" + std::to_string(i) + "]";
}

std::span<const Value> Section::list(std::string_view key) const {
  record(key, {.kind = KeyKind::kList});
  const Value* v = find(key);
  if (v == nullptr) return {};
  if (v->kind == Value::Kind::kList) return v->items;
  error(key, "expected a list, write each element after '- '");
  return {};
}

Section Section::section(std::string_view key, std::vector<std::string_view> known) const {
  record(key, {.kind = KeyKind::kMap});
  return Section(find(key), line_, path_of(key), std::move(known), *diagnosis_);
}

}  // namespace fairlead::config
