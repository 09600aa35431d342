// SPDX-License-Identifier: BSD-3-Clause
// Keys to bases and back.
#include "control/fleet/bases.hh"

#include <atomic>
#include <utility>

#include <unistd.h>

#include "control/etcd/large.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::fleet {
namespace {

constexpr std::string_view kFolder = "base/";

std::string unique() {
  static std::atomic<unsigned> count{0};
  return std::to_string(::getpid()) + "-" + std::to_string(sys::monotonic_ns()) + "-" +
         std::to_string(++count);
}

}  // namespace

bool is_base_key(std::string_view name) {
  return name.starts_with(kFolder);
}

Bases bases_in(const etcd::Copy::Values& values, const std::string& prefix, const Bases& before) {
  const std::string folder = prefix + "/" + std::string(kFolder);
  Bases out;
  // A vip's name has no "/": a key with one more is a part, of the head before it.
  for (auto at = values.lower_bound(folder); at != values.end(); ++at) {
    if (!at->first.starts_with(folder)) break;
    const std::string vip = at->first.substr(folder.size());
    if (vip.find('/') != std::string::npos) continue;
    const auto old = before.find(vip);
    if (old != before.end() && old->second.revision == at->second.mod_revision) {
      out.insert(*old);
      continue;
    }
    etcd::Range parts;
    const std::string below = at->first + ".part/";
    parts.values.push_back(at->second);
    for (auto part = values.lower_bound(below); part != values.end(); ++part) {
      if (!part->first.starts_with(below)) break;
      parts.values.push_back(part->second);
    }
    auto bytes = etcd::joined(at->first, parts);
    if (bytes && *bytes) {
      auto shared = std::make_shared<const std::string>(std::move(**bytes));
      out[vip] = {std::move(shared), at->second.mod_revision};
    } else if (old != before.end()) {
      out.insert(*old);
    }
  }
  return out;
}

base::Result<etcd::Outcome> write_base(
    etcd::Client& client, const std::string& prefix, const std::string& vip, const BaseWrite& write
) {
  const std::string key = prefix + "/" + std::string(kFolder) + vip;
  const std::vector<etcd::Guard> guards{
      write.leader, {key, etcd::Guard::What::kModRevision, write.replaces}};
  if (write.bytes) return write_large(client, key, *write.bytes, guards);
  return client.commit(
      guards, {{.key = key, .remove = true}, {.key = key + ".part/", .remove_prefix = true}}
  );
}

base::Result<etcd::Outcome> write_large(
    etcd::Client& client,
    const std::string& key,
    const std::string& value,
    const std::vector<etcd::Guard>& guards
) {
  const auto old = client.get(key);
  std::vector<etcd::Write> with;
  if (old && !old->values.empty()) {
    const std::string& head = old->values.front().value;
    const std::string parts = key + ".part/" + head.substr(0, head.find(' ')) + "/";
    with.push_back({.key = parts, .remove_prefix = true});
  }
  const etcd::LargeWrite large = etcd::split(key, value, unique(), with);
  for (const auto& part : large.parts) FL_TRY(client.commit({}, part));
  return client.commit(guards, large.head);
}

}  // namespace fairlead::fleet
