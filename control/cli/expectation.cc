// SPDX-License-Identifier: BSD-3-Clause
// One field of a reply against one value.
#include <algorithm>
#include <compare>
#include <string>

#include "control/cli/packet_commands.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

bool is_position(const std::string& name) {
  return !name.empty() && name.size() < 7 &&
         name.find_first_not_of("0123456789") == std::string::npos;
}

/// The field at a path of names and list positions; null: there is none.
const Json* field_at(const Json& reply, const std::string& path) {
  const Json* at = &reply;
  std::size_t from = 0;
  while (from <= path.size()) {
    const std::size_t dot = std::min(path.find('.', from), path.size());
    const std::string name = path.substr(from, dot - from);
    from = dot + 1;
    if (at->is_object()) {
      const auto found = at->find(name);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array() && is_position(name)) {
      const auto position = static_cast<std::size_t>(std::stoul(name));
      if (position >= at->size()) return nullptr;
      at = &(*at)[position];
    } else {
      return nullptr;
    }
  }
  return at;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Numbers are compared as numbers, everything else as text.
std::partial_ordering compare(const Json& field, const std::string& wanted) {
  const Json value = Json::parse(wanted, nullptr, false);
  if (field.is_number() && value.is_number()) return field.get<double>() <=> value.get<double>();
  return text_of(field).compare(wanted) <=> 0;
}

bool holds(std::partial_ordering order, const std::string& op) {
  if (op == "==") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

}  // namespace

base::Result<void> check_expectation(const Call& filter, const Json& reply) {
  const auto path = filter.arguments.value("field", std::string());
  const auto op = filter.arguments.value("operator", std::string());
  const auto wanted = filter.arguments.value("value", std::string());
  const Json* const field = field_at(reply, path);
  if (field == nullptr) {
    return base::invalid(
        "expect: the reply has no field " + base::quoted(path) + "; | json shows what it has"
    );
  }
  if (holds(compare(*field, wanted), op)) return {};
  return base::fail(
      base::ErrorCode::kFailedPrecondition,
      "expect: " + path + " is " + base::quoted(text_of(*field)) + ", not " + op + " " + wanted
  );
}

}  // namespace fairlead::cli
