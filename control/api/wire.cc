// SPDX-License-Identifier: BSD-3-Clause
// Reflection one way, protobuf's own JSON reader the other.
#include "control/api/wire.hh"

#include <cctype>
#include <charconv>

#include <google/protobuf/util/json_util.h>

#include "control/api/control.pb.h"

namespace fairlead::api {
namespace {

namespace pb = google::protobuf;
using Json = nlohmann::json;
using Field = pb::FieldDescriptor;

constexpr std::string_view kWatch = "Watch";

const pb::ServiceDescriptor& service() {
  static const pb::ServiceDescriptor& found =
      *control::v1::Nothing::descriptor()->file()->FindServiceByName("Control");
  return found;
}

Json value_of(const pb::Message& message, const Field& field) {
  const pb::Reflection& r = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_STRING:
      return r.GetString(message, &field);
    case Field::CPPTYPE_BOOL:
      return r.GetBool(message, &field);
    case Field::CPPTYPE_UINT32:
      return r.GetUInt32(message, &field);
    case Field::CPPTYPE_UINT64:
      return r.GetUInt64(message, &field);
    case Field::CPPTYPE_INT64:
      return r.GetInt64(message, &field);
    case Field::CPPTYPE_DOUBLE:
      return r.GetDouble(message, &field);
    default:
      return fields_of(r.GetMessage(message, &field));
  }
}

bool is_number(const Field& field) {
  return field.cpp_type() != Field::CPPTYPE_STRING && field.cpp_type() != Field::CPPTYPE_BOOL &&
         field.cpp_type() != Field::CPPTYPE_MESSAGE;
}

}  // namespace

std::string rpc_name(std::string_view method) {
  std::string out;
  bool begins = true;
  for (const char c : method) {
    if (c != ' ')
      out += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = c == ' ';
  }
  return out;
}

std::string method_name(std::string_view rpc) {
  std::string out;
  for (const char c : rpc) {
    const bool begins = std::isupper(static_cast<unsigned char>(c)) != 0;
    if (begins && !out.empty()) out += ' ';
    out += begins ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : c;
  }
  return out;
}

const Rpc* find_rpc(std::string_view name) {
  return service().FindMethodByName(std::string(name));
}

std::string watch_name(const Rpc& rpc) {
  if (!rpc.server_streaming()) return "";
  return method_name(std::string_view(rpc.name()).substr(kWatch.size()));
}

std::unique_ptr<pb::Message> new_message(const pb::Descriptor* type) {
  return std::unique_ptr<pb::Message>(
      pb::MessageFactory::generated_factory()->GetPrototype(type)->New()
  );
}

Json fields_of(const pb::Message& message) {
  std::vector<const Field*> set;
  message.GetReflection()->ListFields(message, &set);
  Json out = Json::object();
  for (const Field* field : set) {
    if (!field->is_repeated()) {
      out[field->name()] = value_of(message, *field);
    } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      Json& list = out[field->name()] = Json::array();
      const pb::Reflection& r = *message.GetReflection();
      for (int i = 0; i < r.FieldSize(message, field); ++i)
        list.push_back(fields_of(r.GetRepeatedMessage(message, field, i)));
    }
  }
  return out;
}

base::Result<bool> fill(const Json& json, pb::Message& message) {
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = pb::util::JsonStringToMessage(
      json.dump(-1, ' ', false, Json::error_handler_t::replace), &message, options
  );
  if (status.ok()) return true;
  return base::fail(
      base::ErrorCode::kInternal,
      "the answer does not fit " + message.GetTypeName() + ": " + std::string(status.message())
  );
}

Json typed_arguments(const Rpc& rpc, const Json& texts) {
  Json out = texts;
  for (auto& [name, value] : out.items()) {
    const Field* field = rpc.input_type()->FindFieldByName(name);
    if (field == nullptr || !is_number(*field) || !value.is_string()) continue;
    const std::string text = value.get<std::string>();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) value = number;
  }
  return out;
}

}  // namespace fairlead::api
