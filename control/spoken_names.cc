// SPDX-License-Identifier: BSD-3-Clause
// Addresses to names.
#include "control/spoken_names.hh"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

namespace fairlead::control {
namespace {

struct SpokenVip {
  std::optional<net::IpProto> protocol;
  net::IpAddr address;
  std::optional<int> length;
  std::optional<std::uint16_t> port;
};

template <typename Number>
std::optional<Number> whole(std::string_view text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

/// Takes "[ADDRESS]" or "ADDRESS" off the front of a text; "" if there is none.
std::string_view take_address(std::string_view& text) {
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == text.npos) return {};
    const std::string_view out = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return out;
  }
  // Of an IPv6 address without brackets nothing can be told from a port.
  const bool v6 = std::count(text.begin(), text.end(), ':') > 1;
  const std::string_view out = text.substr(0, text.find_first_of(v6 ? "/" : "/:"));
  text.remove_prefix(out.size());
  return out;
}

std::optional<SpokenVip> spoken_vip(std::string_view text) {
  SpokenVip out;
  for (const auto& [word, protocol] :
       {std::pair<std::string_view, std::optional<net::IpProto>>{"tcp:", net::IpProto::kTcp},
        {"udp:", net::IpProto::kUdp},
        {"any:", std::nullopt}}) {
    if (text.substr(0, word.size()) != word) continue;
    out.protocol = protocol;
    text.remove_prefix(word.size());
    break;
  }
  const auto address = net::IpAddr::parse(take_address(text));
  if (!address) return std::nullopt;
  out.address = *address;
  if (!text.empty() && text.front() == '/') {
    const auto colon = std::min(text.find(':'), text.size());
    out.length = whole<int>(text.substr(1, colon - 1));
    if (!out.length) return std::nullopt;
    text.remove_prefix(colon);
  }
  if (text.empty()) return out;
  out.port = text.front() == ':' ? whole<std::uint16_t>(text.substr(1)) : std::nullopt;
  return out.port ? std::optional(out) : std::nullopt;
}

bool fits(const SpokenVip& spoken, const model::Vip& vip) {
  return (!spoken.protocol || *spoken.protocol == vip.protocol) &&
         spoken.address == vip.prefix.address &&
         (!spoken.length || *spoken.length == vip.prefix.length) &&
         (!spoken.port || *spoken.port == vip.port);
}

base::Result<std::string> only_one(
    const std::set<std::string>& names, const std::string& what, const std::string& text
) {
  if (names.size() == 1) return *names.begin();
  if (names.empty())
    return base::fail(base::ErrorCode::kNotFound, "no " + what + " has the address " + text);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return base::invalid("several " + what + "s have the address " + text + ", name one: " + all);
}

}  // namespace

base::Result<std::string> vip_named(const config::Config& config, const std::string& text) {
  std::set<std::string> names;
  const auto spoken = spoken_vip(text);
  for (const model::Vip& vip : config.vips) {
    if (vip.name == text) return text;
    if (spoken && fits(*spoken, vip)) names.insert(vip.name);
  }
  return spoken ? only_one(names, "vip", text) : base::Result<std::string>(text);
}

base::Result<std::string> backend_named(const config::Config& config, const std::string& text) {
  std::set<std::string> ids;
  const auto address = net::IpAddr::parse(text);
  for (const model::Vip& vip : config.vips) {
    for (const model::Backend& backend : vip.backends) {
      if (backend.id == text) return text;
      if (address && backend.address == *address) ids.insert(backend.id);
    }
  }
  return address ? only_one(ids, "backend", text) : base::Result<std::string>(text);
}

base::Result<api::Request> with_names(
    const config::Config& config, std::size_t workers, api::Request request
) {
  if (request.command == api::Command::kConfigEdit) return request;  // a name may be a new one
  if (request.vip) {
    FL_ASSIGN(request.vip, vip_named(config, *request.vip));
  }
  if (request.backend) {
    FL_ASSIGN(request.backend, backend_named(config, *request.backend));
  }
  if (request.worker && *request.worker >= workers) {
    return base::fail(
        base::ErrorCode::kNotFound,
        "no worker " + std::to_string(*request.worker) +
            (workers == 0 ? ", no data plane has run yet"
                          : ", they are 0 to " + std::to_string(workers - 1))
    );
  }
  return request;
}

}  // namespace fairlead::control
