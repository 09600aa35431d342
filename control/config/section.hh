// SPDX-License-Identifier: BSD-3-Clause
// Typed reading of one map of the file: known keys, ranges, one-line errors with file, line, path.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/key_record.hh"
#include "control/config/yaml.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/net/addr.hh"

namespace fairlead::config {

/// Collects what is wrong. The first error wins; the reader goes on with defaults, so code that
/// reads needs no test after every key.
class Diagnosis {
 public:
  /// `records`: null, or where readers say what they read.
  explicit Diagnosis(std::string file, KeyRecords* records = nullptr)
      : file_(std::move(file)), records_(records) {}
  /// The first record of a path counts; all of them are asked whether the key is required.
  void record(KeyRecord record);
  [[nodiscard]] bool records() const { return records_ != nullptr; }
  void error(int line, std::string_view path, std::string_view what);
  void warn(int line, std::string_view path, std::string_view what);
  [[nodiscard]] const std::string& first_error() const { return error_; }  // "": none
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  [[nodiscard]] std::string at(int line, std::string_view path, std::string_view what) const;
  std::string file_;
  KeyRecords* records_;
  std::string error_;
  std::vector<std::string> warnings_;
};

struct Range {
  std::uint64_t least;
  std::uint64_t most;
};

/// "LIST[3]", of the element's path.
std::string index_path(std::string_view list, std::size_t i);

/// "ADDRESS:PORT" or "[ADDRESS6]:PORT".
bool is_endpoint(std::string_view text);

class Section {
 public:
  /// `value`: nullptr (section left out: every key has its default) or a map. Unknown keys are
  /// errors at once, with the nearest known one.
  Section(
      const Value* value,
      int line,
      std::string path,
      std::vector<std::string_view> known,
      Diagnosis& diagnosis
  );

  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  [[nodiscard]] int line() const { return line_; }
  /// Line of a key's value, or of the section.
  [[nodiscard]] int line_of(std::string_view key) const;
  [[nodiscard]] std::string path_of(std::string_view key) const;

  // Each returns the fallback where the key is absent or wrong.
  std::string text(std::string_view key, std::string fallback) const;
  /// A path that begins with '/'; \"\" if the key is absent.
  std::string file(std::string_view key) const;
  /// 1 to 64 of letters, digits and . _ : - ; the form of names and ids.
  std::string name(std::string_view key, std::string fallback) const;
  std::uint64_t whole(std::string_view key, Range range, std::uint64_t fallback) const;
  double real(std::string_view key, double above, double most, double fallback) const;
  base::Nanoseconds duration(std::string_view key, Range ns, base::Nanoseconds fallback) const;
  std::uint64_t bytes(std::string_view key, Range range, std::uint64_t fallback) const;
  std::uint64_t count(std::string_view key, Range range, std::uint64_t fallback) const;
  /// Position of the value in `words`.
  std::size_t word(
      std::string_view key, std::span<const std::string_view> words, std::size_t fallback
  ) const;
  std::optional<net::IpAddr> address(std::string_view key) const;         // of one host
  std::optional<net::IpAddr> routed_address(std::string_view key) const;  // not link-local
  std::optional<net::Prefix> prefix(std::string_view key) const;
  /// A prefix that clients can call: unicast, not of the loopback.
  std::optional<net::Prefix> vip(std::string_view key) const;
  std::optional<net::MacAddr> mac(std::string_view key) const;
  /// Name of a network interface; "" where the key is absent.
  std::string interface(std::string_view key) const;
  /// "ADDRESS:PORT", "[ADDRESS6]:PORT" or "off" (returned as "").
  std::string listen(std::string_view key, std::string fallback) const;
  /// Elements of a list; empty where the key is absent or no list.
  [[nodiscard]] std::span<const Value> list(std::string_view key) const;
  Section section(std::string_view key, std::vector<std::string_view> known) const;

  /// For the schema: the form of a text that the caller checks itself (an ECMA 262 expression).
  void shape(std::string_view key, std::string_view pattern) const;

  void error(std::string_view key, std::string_view what) const;
  void warn(std::string_view key, std::string_view what) const;
  /// Reports a missing key; true if it is there.
  bool require(std::string_view key, std::string_view example) const;

 private:
  void record(std::string_view key, KeyRecord record) const;
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// The scalar of a key, or nullopt after reporting that it is none; `wanted` names the form.
  std::optional<std::string> scalar(std::string_view key, std::string_view wanted) const;
  void refuse(std::string_view key, std::string_view value, std::string_view what) const;

  const Value* value_;
  int line_;
  std::string path_;
  std::vector<std::string_view> known_;
  Diagnosis* diagnosis_;
};

}  // namespace fairlead::config
