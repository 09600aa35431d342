// SPDX-License-Identifier: BSD-3-Clause
// One call over gRPC, as a reactor; deletes itself when gRPC is done with it.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "control/api/dispatch.hh"
#include "control/api/wire.hh"

namespace fairlead::api {

grpc::Status status_of(const base::Error& error);

/// One question, one answer.
grpc::ServerGenericBidiReactor* make_call(Dispatch& dispatch, const Rpc& rpc, Peer peer);
/// Events until the client goes.
grpc::ServerGenericBidiReactor* make_watch(Dispatch& dispatch, const Rpc& rpc);
/// Refuses at once.
grpc::ServerGenericBidiReactor* make_refusal(const base::Error& error);

}  // namespace fairlead::api
