// SPDX-License-Identifier: BSD-3-Clause
// The channel's arguments.
#include "control/monitor/channel.hh"

#include <grpcpp/grpcpp.h>

namespace fairlead::monitor {

std::shared_ptr<grpc::Channel> make_channel(const std::string& to, const Credentials& with) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // The least time that an attempt gets, whatever its name says: longer than a SYN's first
  // retransmission (1 s), so that one lost packet costs no attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);
  // A receiver that is back is found within a second; one SYN a second harms nobody.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A receiver that vanished without a word is noticed by pings.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(to, with, arguments);
}

}  // namespace fairlead::monitor
