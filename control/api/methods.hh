// SPDX-License-Identifier: BSD-3-Clause
// The table of what control can be asked: one row a method, whatever way the question came. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "control/api/request.hh"

namespace fairlead::api {

/// What a method may be asked with; a bit each.
enum Argument : unsigned {
  kVip = 1,
  kBackend = 2,
  kWeight = 4,
  kTuple = 8,
  kWorker = 16,
  kState = 32,
  kLimit = 64,
  kCursor = 128,
  kRate = 256,
  kText = 512,
  kName = 1024,
  kNote = 2048,
  kTrial = 4096,
  kRevision = 8192,
  kDeadline = 1 << 14,
  kThen = 1 << 15,
  kSwitch = 1 << 16,
  kLevel = 1 << 17,
  kAfter = 1 << 18,
  kKind = 1 << 19,
  kHealth = 1 << 20,
  kLasting = 1 << 21,
  kReports = 1 << 22,
  kModule = 1 << 23,
  kEdit = 1 << 24,
  kValues = 1 << 25,
  kRamp = 1 << 26,
  kUdpDeadline = 1 << 27,
  kPending = 1 << 28,
  kSection = 1 << 29,
};

struct Method {
  std::string_view name;  // "show backend": as on the control socket
  Command command;
  unsigned allowed;   // arguments
  unsigned required;  // those that must be there
  bool writes;        // changes something or tells a secret: admins only
};

struct ArgumentName {
  std::string_view name;
  Argument argument;
};

std::span<const Method> methods();
std::span<const ArgumentName> argument_names();
/// Null: there is none of this name.
const Method* find_method(std::string_view name);

}  // namespace fairlead::api
