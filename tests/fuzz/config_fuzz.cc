// SPDX-License-Identifier: BSD-3-Clause
// Any text as a configuration: accepted, or refused with one line that says where.
#include <cstdint>
#include <string>

#include "control/config/config.hh"
#include "dataplane/base/check.hh"

namespace fairlead::config {
namespace {

void run(const std::string& text) {
  for (const Purpose purpose : {Purpose::kForward, Purpose::kSimulate}) {
    const auto config = parse_config(text, "c.yaml", purpose);
    if (config) {
      FL_CHECK(purpose == Purpose::kSimulate || !config->vips.empty());
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
