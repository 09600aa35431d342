// SPDX-License-Identifier: BSD-3-Clause
// Listening addresses of the API and the TLS files without which there are none.
#include "control/config/load_api.hh"

#include "dataplane/base/printable.hh"

namespace fairlead::config {
namespace {

std::string file_of(const Section& s, std::string_view key, bool needed) {
  std::string path = s.file(key);
  if (path.empty() && needed && !s.has(key)) {
    s.error(key, "is missing: the API goes over TCP only with mutual TLS, name a PEM file");
  }
  return path;
}

}  // namespace

Api load_api(const Section& root, const std::string& metrics, const std::string& monitoring) {
  static constexpr std::string_view kSwitch[] = {"off", "on"};
  const Section s =
      root.section("api", {"unix", "grpc", "http", "certificate", "key", "client_ca", "admins"});
  Api api;
  api.unix = s.word("unix", kSwitch, 1) == 1;
  api.grpc = s.listen("grpc", "");
  api.http = s.listen("http", "");
  const bool tcp = !api.grpc.empty() || !api.http.empty();
  api.certificate = file_of(s, "certificate", tcp);
  api.key = file_of(s, "key", tcp);
  api.client_ca = file_of(s, "client_ca", tcp);
  for (const Value& value : s.list("admins")) {
    const bool good = value.kind == Value::Kind::kScalar && !value.text.empty();
    if (!good || value.text.size() > 64) {
      s.error("admins", "each is the common name of a client's certificate, 1 to 64 characters");
      break;
    }
    api.admins.push_back(value.text);
  }
  for (const auto& [key, address] : {std::pair{"grpc", &api.grpc}, {"http", &api.http}}) {
    if (address->empty()) continue;
    if (*address == metrics) s.error(key, *address + " is metrics.listen too, use another port");
    if (*address == monitoring)
      s.error(key, *address + " is monitoring.listen too, use another port");
  }
  if (!api.grpc.empty() && api.grpc == api.http)
    s.error("http", api.http + " is api.grpc too, use another port");
  return api;
}

}  // namespace fairlead::config
