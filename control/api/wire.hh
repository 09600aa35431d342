// SPDX-License-Identifier: BSD-3-Clause
// Between the messages of control.proto and the JSON of the dispatcher, by their descriptors: a new
// method is a row in methods.cc and a line in control.proto, nothing else.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>
#include <nlohmann/json.hpp>

#include "dataplane/base/result.hh"

namespace fairlead::api {

using Rpc = google::protobuf::MethodDescriptor;

/// "show flow list" -> "ShowFlowList".
std::string rpc_name(std::string_view method);
/// "ShowFlowList" -> "show flow list".
std::string method_name(std::string_view rpc);
/// Null: the service has none of this name.
const Rpc* find_rpc(std::string_view name);
/// "WatchHealth" -> "health"; "": it is no watch.
std::string watch_name(const Rpc& rpc);

/// An empty request or response.
std::unique_ptr<google::protobuf::Message> new_message(const google::protobuf::Descriptor* type);

/// The fields that are set, by their names.
nlohmann::json fields_of(const google::protobuf::Message& message);
/// Fills a response. Fields that the message does not have are left out. Error kInternal: a field
/// of another type.
base::Result<bool> fill(const nlohmann::json& json, google::protobuf::Message& message);

/// Arguments from a query's texts: as numbers where the request has numbers. A text that is no
/// number stays one; the method then says what it wants.
nlohmann::json typed_arguments(const Rpc& rpc, const nlohmann::json& texts);

}  // namespace fairlead::api
