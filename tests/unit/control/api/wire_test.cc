// SPDX-License-Identifier: BSD-3-Clause
// control.proto says what the table of methods says, and messages carry what the dispatcher
// answers.
#include "control/api/wire.hh"

#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "control/api/control.pb.h"
#include "control/api/methods.hh"

namespace fairlead::api {
namespace {

using Json = nlohmann::json;

TEST(Proto, EveryMethodHasAnRpcWithItsArguments) {
  for (const Method& method : methods()) {
    const Rpc* rpc = find_rpc(rpc_name(method.name));
    ASSERT_NE(rpc, nullptr) << method.name;
    std::set<std::string> allowed;
    for (const ArgumentName& name : argument_names()) {
      if ((method.allowed & name.argument) != 0) allowed.emplace(name.name);
    }
    std::set<std::string> fields;
    for (int i = 0; i < rpc->input_type()->field_count(); ++i)
      fields.insert(rpc->input_type()->field(i)->name());
    EXPECT_EQ(fields, allowed) << method.name;
  }
}

TEST(Proto, EveryRpcIsAMethodOrAWatch) {
  const auto& service = *control::v1::Nothing::descriptor()->file()->FindServiceByName("Control");
  int watches = 0;
  for (int i = 0; i < service.method_count(); ++i) {
    const Rpc& rpc = *service.method(i);
    watches += rpc.server_streaming() ? 1 : 0;
    EXPECT_TRUE(rpc.server_streaming() || find_method(method_name(rpc.name())) != nullptr)
        << rpc.name();
  }
  EXPECT_EQ(watches, 4);
}

/// Names in the first `{...}` after `heading` in the document.
std::set<std::string> documented(const std::string& text, const std::string& heading) {
  const std::size_t open = text.find('{', text.find(heading));
  std::set<std::string> names;
  std::string name;
  for (const char c : text.substr(open + 1, text.find('}', open) - open)) {
    if (std::islower(static_cast<unsigned char>(c)) != 0 || c == '_' || std::isdigit(c) != 0) {
      name += c;
    } else if (!name.empty()) {
      names.insert(std::exchange(name, ""));
    }
  }
  return names;
}

// What shows only now and then is in no answer that a test happens to get.
TEST(Proto, EveryDocumentedFieldOfAStatusIsInItsMessage) {
  std::ifstream file(FL_SOURCE_ROOT "/docs/control-socket.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const struct {
    const char* heading;
    const google::protobuf::Descriptor* message;
  } parts[] = {
      {"`dataplane` `{running", control::v1::DataPlane::descriptor()},
      {"`gate` `{interface", control::v1::Gate::descriptor()},
      {"`{id, vip, address, state, health", control::v1::Backend::descriptor()}};
  for (const auto& [heading, message] : parts) {
    const auto names = documented(text, heading);
    EXPECT_GE(names.size(), 7U) << heading;
    for (const std::string& name : names)
      EXPECT_NE(message->FindFieldByName(name), nullptr) << heading << ": " << name;
  }
}

TEST(Proto, NamesGoBothWays) {
  EXPECT_EQ(rpc_name("show flow list"), "ShowFlowList");
  EXPECT_EQ(method_name("ShowFlowList"), "show flow list");
  EXPECT_EQ(watch_name(*find_rpc("WatchGenerations")), "generations");
  EXPECT_EQ(watch_name(*find_rpc("ShowVip")), "");
  EXPECT_EQ(find_rpc("Nonsense"), nullptr);
}

TEST(Wire, FieldsThatAreSetBecomeArguments) {
  control::v1::SetBackendRequest request;
  request.set_backend("b1");
  request.set_weight(0);

  EXPECT_EQ(fields_of(request), (Json{{"backend", "b1"}, {"weight", 0}}));
  EXPECT_EQ(fields_of(control::v1::Nothing()), Json::object());
}

TEST(Wire, AnswersFillMessages) {
  control::v1::Backends backends;
  const Json answer = {
      {"backends",
       {{{"id", "b1"},
         {"weight", 12.5},
         {"packets", 1ULL << 60},
         {"new_field", 1},
         {"cpu", nullptr}}}}};

  ASSERT_TRUE(fill(answer, backends));
  ASSERT_EQ(backends.backends_size(), 1);
  EXPECT_EQ(backends.backends(0).id(), "b1");
  EXPECT_EQ(backends.backends(0).weight(), 12.5);
  EXPECT_EQ(backends.backends(0).packets(), 1ULL << 60);
  EXPECT_FALSE(backends.backends(0).has_cpu());
}

TEST(Wire, AnAnswerOfAnotherTypeIsABug) {
  control::v1::Vips vips;
  const auto filled = fill(Json{{"vips", {{{"port", "eighty"}}}}}, vips);

  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, base::ErrorCode::kInternal);
}

TEST(Wire, TextsOfAQueryBecomeNumbersWhereTheRequestHasNumbers) {
  const Json texts = {{"backend", "17"}, {"weight", "17"}};
  EXPECT_EQ(
      typed_arguments(*find_rpc("SetBackend"), texts), (Json{{"backend", "17"}, {"weight", 17}})
  );
  EXPECT_EQ(typed_arguments(*find_rpc("SetBackend"), {{"weight", "-1"}})["weight"], "-1");
}

}  // namespace
}  // namespace fairlead::api
