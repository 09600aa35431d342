// SPDX-License-Identifier: BSD-3-Clause
// What is wrong, what is odd, and what was asked of each key.
#include <utility>

#include "control/config/section.hh"

namespace fairlead::config {
namespace {

// "vips[2].backends[0].id" is one key with all others of its kind: "vips[].backends[].id".
std::string without_places(std::string_view path) {
  std::string out;
  bool place = false;
  for (const char letter : path) {
    if (letter == ']') place = false;
    if (!place) out += letter;
    if (letter == '[') place = true;
  }
  return out;
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

void Diagnosis::record(KeyRecord record) {
  if (records_ == nullptr) return;
  record.path = without_places(record.path);
  for (KeyRecord& known : *records_) {
    if (known.path != record.path) continue;
    record.required = known.required || record.required;
    if (record.pattern.empty()) record.pattern = known.pattern;
    if (known.line != 0) record.line = known.line;
    const bool better = known.bare && !record.bare;
    KeyRecord merged = better ? record : known;
    merged.required = record.required;
    merged.pattern = record.pattern;
    merged.line = record.line;
    known = std::move(merged);
    return;
  }
  records_->push_back(std::move(record));
}

}  // namespace fairlead::config
