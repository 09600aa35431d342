// SPDX-License-Identifier: BSD-3-Clause
// Who may ask over TCP: mutual TLS, and the role by the client's certificate. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "control/api/socket_server.hh"

namespace fairlead::api {

struct Tls {
  std::string certificate;  // PEM files
  std::string key;
  std::string client_ca;            // who signed the clients' certificates
  std::vector<std::string> admins;  // common names; other clients may look
};

inline Peer peer_named(const Tls& tls, const std::string& common_name) {
  const bool admin =
      !common_name.empty() &&
      std::find(tls.admins.begin(), tls.admins.end(), common_name) != tls.admins.end();
  return admin ? Peer::kWriter : Peer::kReader;
}

}  // namespace fairlead::api
