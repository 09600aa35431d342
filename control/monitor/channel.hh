// SPDX-License-Identifier: BSD-3-Clause
// How agents and nodes hold a connection to a receiver that may be away.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

namespace fairlead::monitor {

using Credentials = std::shared_ptr<grpc::ChannelCredentials>;  // of channel_credentials()

/// A connection of its own to "HOST:PORT": a receiver that is back is found within a second, one
/// that vanished without a word is noticed after 12.
std::shared_ptr<grpc::Channel> make_channel(const std::string& to, const Credentials& with);

}  // namespace fairlead::monitor
