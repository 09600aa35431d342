// SPDX-License-Identifier: BSD-3-Clause
// Options whose value is empty, as an unset variable of a script makes them.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace fairlead::sys {

/// Makes the app refuse every empty value, also those of its subcommands: `--out ""` is a mistake,
/// and must not mean the same as no --out. Call it when all options are added, before parse().
inline void refuse_empty_values(CLI::App& app) {
  const auto check = [](const std::string& value) {
    return value.empty() ? std::string("the value is empty, give one or leave the option out") : "";
  };
  for (CLI::Option* option : app.get_options()) option->check(check);
  for (CLI::App* command : app.get_subcommands(nullptr)) refuse_empty_values(*command);
}

}  // namespace fairlead::sys
