// SPDX-License-Identifier: BSD-3-Clause
// Network interfaces that a configuration names.
#pragma once

#include <string>
#include <string_view>

#include <net/if.h>

#include "dataplane/base/printable.hh"
#include "dataplane/base/result.hh"

namespace fairlead::sys {

/// That the kernel has interface `name` in this network namespace now; before anything is made that
/// would be left behind. `key` is where it was named, "FILE:LINE: key". Errors: bad input.
inline base::Result<void> require_interface(std::string_view key, const std::string& name) {
  if (::if_nametoindex(name.c_str()) != 0) return {};
  return base::invalid(
      std::string(key) + ": interface " + base::quoted(name) +
      " is not there; name one of this network namespace, see: ip link"
  );
}

}  // namespace fairlead::sys
