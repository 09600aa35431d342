// SPDX-License-Identifier: BSD-3-Clause
// Requests from CSV.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "control/policy/random.hh"
#include "control/sim/files.hh"
#include "dataplane/base/printable.hh"
#include "dataplane/net/addr.hh"
#include "dataplane/sys/input_file.hh"

namespace fairlead::sim {

namespace {

constexpr std::size_t kLongestId = 255;
constexpr std::array<std::string_view, 5> kColumns = {
    "request_id", "arrival_us", "src_ip", "src_port", "service_us"};

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// Fields of one line; the last element says how many there were beyond the array.
struct Fields {
  std::array<std::string_view, 6> field;
  std::size_t count = 0;
};

Fields split(std::string_view line) {
  Fields fields;
  for (;;) {
    const auto comma = line.find(',');
    if (fields.count < fields.field.size()) fields.field[fields.count] = line.substr(0, comma);
    ++fields.count;
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

class Reader {
 public:
  Reader(const std::string& path, RequestsFile& out) : path_(path), out_(&out) {}

  base::Result<bool> read() {
    std::string_view rest = out_->text;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
      ++line_;
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line_ == 1) {
        FL_TRY(header(line));
      } else if (!line.empty()) {
        FL_TRY(row(line));
      } else if (!rest.empty()) {
        return fault("empty line, remove it");
      }
    }
    if (line_ == 0) {
      line_ = 1;
      return fault(
          "empty file, the first line must be request_id,arrival_us[,src_ip,src_port,service_us]"
      );
    }
    if (out_->requests.empty()) return fault("holds no requests, add rows below the header");
    FL_TRY(unique_ids());
    connect();
    return true;
  }

 private:
  [[nodiscard]] tl::unexpected<base::Error> fault(const std::string& what) const {
    return base::invalid(path_ + ":" + std::to_string(line_) + ": " + what);
  }

  base::Result<bool> header(std::string_view line) {
    if (line.substr(0, 3) == "\xef\xbb\xbf") line.remove_prefix(3);
    const Fields names = split(line);
    columns_ = names.count;
    for (std::size_t i = 0; i < std::min(names.count, names.field.size()); ++i) {
      const auto at = std::find(kColumns.begin(), kColumns.end(), names.field[i]);
      if (at == kColumns.end())
        return fault(
            "column " + base::quoted(names.field[i]) +
            " is unknown, use request_id,arrival_us[,src_ip,src_port,service_us]"
        );
      auto& place = place_[static_cast<std::size_t>(at - kColumns.begin())];
      if (place) return fault("column " + base::quoted(*at) + " is there twice, remove one");
      place = i;
    }
    if (!place_[0] || !place_[1]) return fault("the header must have request_id and arrival_us");
    if (place_[2].has_value() != place_[3].has_value())
      return fault("src_ip and src_port belong together, give both or none");
    out_->has_sources = place_[2].has_value();
    return true;
  }

  base::Result<bool> row(std::string_view line) {
    const Fields fields = split(line);
    if (fields.count != columns_)
      return fault(
          std::to_string(fields.count) + " fields, the header has " + std::to_string(columns_)
      );
    const auto field = [&](std::size_t column) { return fields.field[*place_[column]]; };
    FL_TRY(id(field(0)));
    const auto arrival = number(field(1));
    if (!arrival || *arrival < 0 || *arrival > kMostMicroseconds ||
        *arrival != std::floor(*arrival))
      return fault(
          "arrival_us " + base::quoted(field(1)) +
          " must be a whole number of microseconds, 0 or more"
      );
    FileRequest request;
    request.at = static_cast<Time>(*arrival) * 1000;
    if (!out_->requests.empty() && request.at < out_->requests.back().at)
      return fault(
          "arrival_us " + base::excerpt(field(1)) +
          " is before the row above, sort the file by arrival_us"
      );
    if (!out_->requests.empty() && request.at - out_->requests.front().at > kLongestRun)
      return fault("arrival_us is more than 30 days after the first, shorten the file");
    if (out_->has_sources) FL_TRY(source(field(2), field(3), request));
    if (place_[4] && !field(4).empty()) {
      const auto work = number(field(4));
      if (!work || *work < 0 || *work > kMostMicroseconds)
        return fault(
            "service_us " + base::quoted(field(4)) + " must be a number of microseconds, 0 or more"
        );
      request.work = *work * 1e-6;
    }
    out_->ids.push_back(field(0));
    lines_.push_back(line_);
    out_->requests.push_back(request);
    return true;
  }

  /// Ids stand in decisions.csv as they are, so nothing of CSV may be in them.
  [[nodiscard]] base::Result<bool> id(std::string_view text) const {
    if (text.empty()) return fault("request_id is empty");
    if (text.size() > kLongestId)
      return fault(
          "request_id " + base::quoted(text) + " has " + std::to_string(text.size()) +
          " bytes, use at most " + std::to_string(kLongestId)
      );
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
    const bool printable =
        std::all_of(text.begin(), text.end(), plain) || base::printable(text) == text;
    if (!printable || text.find('"') != std::string_view::npos)
      return fault(
          "request_id " + base::quoted(text) +
          " has a quote or what is no text in it, write ids plainly"
      );
    return true;
  }

  base::Result<bool> source(std::string_view ip, std::string_view port, FileRequest& request)
      const {
    const auto address = net::IpAddr::parse(std::string(ip));
    if (!address) return fault("src_ip " + base::quoted(ip) + " is no IP address");
    // IPv6 addresses are folded: the model needs flows that differ, not what is in them.
    std::uint64_t folded = 0;
    for (const char c : ip) folded = policy::mix64(folded * 31 + static_cast<unsigned char>(c));
    request.source = static_cast<std::uint32_t>(folded);
    const auto number_of = number(port);
    if (!number_of || *number_of < 0 || *number_of > 65535 || *number_of != std::floor(*number_of))
      return fault("src_port " + base::quoted(port) + " must be 0 to 65535");
    request.port = static_cast<std::uint16_t>(*number_of);
    return true;
  }

  base::Result<bool> unique_ids() {
    std::vector<std::uint32_t> order(out_->ids.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto& ids = out_->ids;
    std::sort(order.begin(), order.end(), [&](std::uint32_t x, std::uint32_t y) {
      const int compared = ids[x].compare(ids[y]);
      return compared < 0 || (compared == 0 && x < y);
    });
    std::uint32_t second = 0;
    for (std::size_t i = 1; i < order.size(); ++i)
      if (ids[order[i]] == ids[order[i - 1]] && (second == 0 || order[i] < second))
        second = order[i];
    if (second == 0) return true;
    line_ = lines_[second];
    return fault(
        "request_id " + base::quoted(ids[second]) + " was used before, ids must be unique"
    );
  }

  /// Rows of one source address and port are one connection.
  void connect() {
    if (!out_->has_sources) {
      for (std::size_t i = 0; i < out_->requests.size(); ++i) {
        const std::uint64_t word = policy::mix64(i + 1);
        out_->requests[i].source = static_cast<std::uint32_t>(word);
        out_->requests[i].port = static_cast<std::uint16_t>(word >> 32);
      }
      return;
    }
    std::unordered_map<std::uint64_t, std::size_t> latest;
    for (std::size_t i = 0; i < out_->requests.size(); ++i) {
      FileRequest& request = out_->requests[i];
      const auto [at, is_new] =
          latest.try_emplace(std::uint64_t{request.source} << 16 | request.port, i);
      if (!is_new) {
        request.first = false;
        out_->requests[at->second].last = false;
        at->second = i;
      }
    }
  }

  std::string path_;
  RequestsFile* out_;
  std::size_t line_ = 0;
  std::size_t columns_ = 0;
  std::array<std::optional<std::size_t>, 5> place_{};
  std::vector<std::size_t> lines_;
};

}  // namespace

base::Result<RequestsFile> read_requests(const std::string& path) {
  RequestsFile file;
  FL_ASSIGN(file.text, sys::read_input(path, kMostFileBytes, "a CSV file"));
  FL_TRY(Reader(path, file).read());
  return file;
}

}  // namespace fairlead::sim
