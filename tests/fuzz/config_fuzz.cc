// SPDX-License-Identifier: BSD-3-Clause
// Any text as a configuration: accepted, or refused with one line that says where; and edited.
#include <cstdint>
#include <string>

#include "control/config/config.hh"
#include "control/config/edit.hh"
#include "dataplane/base/check.hh"

namespace fairlead::config {
namespace {

/// Whatever form the text has: an edit comes out or is refused (edit_config() compares by itself).
void edit(const std::string& text, const model::Vip& vip) {
  using Act = Edit::Act;
  const std::string backend = vip.backends.empty() ? "" : vip.backends.front().id;
  for (const Edit& e : std::initializer_list<Edit>{
           {Act::kAdd, "new", "", {{"port", "80"}}},
           {Act::kAdd, vip.name, "new", {{"address", "10.0.0.9"}}},
           {Act::kSet, vip.name, "", {{"port", "81"}, {"choices", "2"}}},
           {Act::kSet, "", backend, {{"weight", "7"}}},
           {Act::kDelete, vip.name, backend, {}}}) {
    const auto edited = edit_config(text, e);
    FL_CHECK(edited || edited.error().what.find('\n') == std::string::npos);
  }
}

void run(const std::string& text) {
  for (const Purpose purpose : {Purpose::kForward, Purpose::kSimulate}) {
    const auto config = parse_config(text, "c.yaml", purpose);
    if (config) {
      FL_CHECK(purpose == Purpose::kSimulate || !config->vips.empty());
      if (purpose == Purpose::kForward) edit(text, config->vips.front());
      continue;
    }
    const std::string& what = config.error().what;
    FL_CHECK(what.rfind("c.yaml:", 0) == 0);
    FL_CHECK(what.find('\n') == std::string::npos);
  }
}

}  // namespace
}  // namespace fairlead::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fairlead::config::run(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
