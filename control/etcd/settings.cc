// SPDX-License-Identifier: BSD-3-Clause
// Reading the files that the configuration names.
#include "control/etcd/settings.hh"

#include "dataplane/sys/input_file.hh"

namespace fairlead::etcd {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

base::Result<std::string> read(const char* key, const std::string& path) {
  if (path.empty()) return std::string();
  auto text = sys::read_input(path, kMostBytes, "a file");
  if (!text) return base::annotate(std::string("fleet.etcd.") + key, text.error());
  return text;
}

}  // namespace

base::Result<Settings> settings_of(const config::Etcd& config) {
  Settings s;
  s.endpoints = config.endpoints;
  s.user = config.user;
  FL_ASSIGN(s.password, read("password_file", config.password_file));
  while (!s.password.empty() && (s.password.back() == '\n' || s.password.back() == '\r'))
    s.password.pop_back();
  FL_ASSIGN(s.ca, read("ca_file", config.ca_file));
  FL_ASSIGN(s.cert, read("cert_file", config.cert_file));
  FL_ASSIGN(s.key, read("key_file", config.key_file));
  return s;
}

}  // namespace fairlead::etcd
