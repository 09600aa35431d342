// SPDX-License-Identifier: BSD-3-Clause
// Calls of etcd's API by gRPC, one member after the other.
#include "control/etcd/client.hh"

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>

#include <grpcpp/grpcpp.h>

#include "control/etcd/etcd.grpc.pb.h"

namespace fairlead::etcd {
namespace {

namespace pb = etcdserverpb;
using base::ErrorCode;

// etcd's own limit for requests is 1.5 MiB; answers may hold many values.
constexpr int kMostAnswer = 64 << 20;

// Only a thread that waits in gRPC polls its sockets: without waiting, a member that is back is
// found after seconds. A member that is away costs so much before the next one is asked.
constexpr std::chrono::milliseconds kConnect{200};

struct Member {
  std::string at;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::KV::Stub> kv;
  std::unique_ptr<pb::Watch::Stub> watch;
  std::unique_ptr<pb::Lease::Stub> lease;
  std::unique_ptr<pb::Auth::Stub> auth;
};

std::shared_ptr<grpc::ChannelCredentials> credentials(const Settings& s) {
  if (s.ca.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = s.ca;
  options.pem_cert_chain = s.cert;
  options.pem_private_key = s.key;
  return grpc::SslCredentials(options);
}

Member connect(const std::string& at, const Settings& s) {
  grpc::ChannelArguments a;
  a.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // So long an attempt may take: a member that starts takes connections before it serves them.
  a.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  a.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  a.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  a.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  a.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  a.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  a.SetMaxReceiveMessageSize(kMostAnswer);
  const auto channel = grpc::CreateCustomChannel(at, credentials(s), a);
  return {
      at,
      channel,
      pb::KV::NewStub(channel),
      pb::Watch::NewStub(channel),
      pb::Lease::NewStub(channel),
      pb::Auth::NewStub(channel)};
}

// "user name is empty" (no token), "authentication failed, invalid user ID or password".
bool about_user(const std::string& message) {
  return message.find("user name") != std::string::npos ||
         message.find("auth") != std::string::npos;
}

ErrorCode code_of(const grpc::Status& status) {
  using C = grpc::StatusCode;
  switch (status.error_code()) {
    case C::UNAVAILABLE:
    case C::DEADLINE_EXCEEDED:
    case C::CANCELLED:
      return ErrorCode::kUnavailable;
    case C::PERMISSION_DENIED:
    case C::UNAUTHENTICATED:
      return ErrorCode::kPermissionDenied;
    case C::OUT_OF_RANGE:
      return ErrorCode::kFailedPrecondition;
    case C::RESOURCE_EXHAUSTED:
      return ErrorCode::kResourceExhausted;
    case C::NOT_FOUND:
      return ErrorCode::kNotFound;
    case C::INVALID_ARGUMENT:
      if (about_user(status.error_message())) return ErrorCode::kPermissionDenied;
      return status.error_message().find("too large") == std::string::npos
                 ? ErrorCode::kInternal
                 : ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kInternal;
  }
}

tl::unexpected<base::Error> failed(const std::string& at, const grpc::Status& status) {
  return base::fail(code_of(status), "etcd " + at + ": " + status.error_message());
}

// A member that is away, starting, or has lost its cluster: the next one may do better.
bool try_next(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

KeyValue from_wire(const pb::KeyValue& kv) {
  return {kv.key(), kv.value(), kv.create_revision(), kv.mod_revision(), kv.lease()};
}

base::Nanoseconds seconds(std::int64_t ttl) {
  return ttl <= 0 ? 0 : static_cast<base::Nanoseconds>(ttl) * base::kSecond;
}

class GrpcWatch final : public Client::Watch {
 public:
  using Stream = grpc::ClientReaderWriter<pb::WatchRequest, pb::WatchResponse>;

  GrpcWatch(std::string at, const std::string& token) : at_(std::move(at)) {
    if (!token.empty()) context_.AddMetadata("token", token);
    // A member without a majority hears of no changes: it is to end the stream and not to be
    // silent.
    context_.AddMetadata("hasleader", "true");
    // Where there is no connection it waits, as next() does.
    context_.set_wait_for_ready(false);
  }

  bool open(pb::Watch::Stub& stub, const std::string& prefix, std::int64_t from) {
    stream_ = stub.Watch(&context_);
    pb::WatchRequest request;
    auto* create = request.mutable_create_request();
    create->set_key(prefix);
    create->set_range_end(prefix_end(prefix));
    create->set_start_revision(from);
    create->set_progress_notify(true);
    return stream_->Write(request);
  }

  base::Result<Batch> next() override {
    pb::WatchResponse r;
    while (stream_->Read(&r)) {
      if (r.compact_revision() != 0) {
        return base::fail(
            ErrorCode::kFailedPrecondition,
            "etcd " + at_ + ": revisions before " + std::to_string(r.compact_revision()) +
                " are compacted"
        );
      }
      if (r.canceled())
        return base::fail(ErrorCode::kUnavailable, "etcd " + at_ + ": " + r.cancel_reason());
      if (r.events().empty()) continue;
      Batch batch;
      batch.revision = r.header().revision();
      for (const pb::Event& event : r.events())
        batch.changes.push_back({from_wire(event.kv()), event.type() == pb::Event::DELETE});
      return batch;
    }
    const grpc::Status status = stream_->Finish();
    return base::fail(ErrorCode::kUnavailable, "etcd " + at_ + ": " + status.error_message());
  }
  void cancel() override { context_.TryCancel(); }

 private:
  std::string at_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
};

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(Settings settings) : settings_(std::move(settings)) {
    for (const std::string& at : settings_.endpoints) members_.push_back(connect(at, settings_));
  }

  base::Result<Range> get(const std::string& key, std::int64_t revision) override {
    return range(key, "", revision);
  }
  base::Result<Range> list(const std::string& prefix, std::int64_t revision) override {
    return range(prefix, prefix_end(prefix), revision);
  }

  base::Result<Outcome> commit(const std::vector<Guard>& guards, const std::vector<Write>& writes)
      override {
    pb::TxnRequest request;
    for (const Guard& guard : guards) {
      pb::Compare& c = *request.add_compare();
      c.set_key(guard.key);
      if (guard.what == Guard::What::kCreateRevision) {
        c.set_target(pb::Compare::CREATE);
        c.set_create_revision(guard.revision);
      } else {
        c.set_target(pb::Compare::MOD);
        c.set_mod_revision(guard.revision);
      }
    }
    for (const Write& write : writes) {
      if (write.remove || write.remove_prefix) {
        auto* remove = request.add_success()->mutable_request_delete_range();
        remove->set_key(write.key);
        if (write.remove_prefix) remove->set_range_end(prefix_end(write.key));
      } else {
        auto* put = request.add_success()->mutable_request_put();
        put->set_key(write.key);
        put->set_value(write.value);
        put->set_lease(write.lease);
      }
    }
    pb::TxnResponse reply;
    FL_TRY(call([&](Member& m, grpc::ClientContext& c) { return m.kv->Txn(&c, request, &reply); }));
    return Outcome{reply.succeeded(), reply.header().revision()};
  }

  base::Result<Outcome> compact(std::int64_t revision) override {
    pb::CompactionRequest request;
    request.set_revision(revision);
    pb::CompactionResponse reply;
    FL_TRY(call([&](Member& m, grpc::ClientContext& c) {
      return m.kv->Compact(&c, request, &reply);
    }));
    return Outcome{true, reply.header().revision()};
  }

  base::Result<Lease> grant(base::Nanoseconds ttl) override {
    pb::LeaseGrantRequest request;
    request.set_ttl(static_cast<std::int64_t>((ttl + base::kSecond - 1) / base::kSecond));
    pb::LeaseGrantResponse reply;
    FL_TRY(call([&](Member& m, grpc::ClientContext& c) {
      return m.lease->LeaseGrant(&c, request, &reply);
    }));
    return Lease{reply.id(), seconds(reply.ttl())};
  }

  base::Result<Lease> keep_alive(std::int64_t lease) override {
    pb::LeaseKeepAliveRequest request;
    request.set_id(lease);
    pb::LeaseKeepAliveResponse reply;
    FL_TRY(call([&](Member& m, grpc::ClientContext& c) {
      const auto stream = m.lease->LeaseKeepAlive(&c);
      const bool heard = stream->Write(request) && stream->Read(&reply);
      if (heard) c.TryCancel();  // one answer is all that is wanted
      const grpc::Status status = stream->Finish();
      return heard ? grpc::Status::OK : status;
    }));
    return Lease{lease, seconds(reply.ttl())};
  }

  base::Result<LeaseLife> life(std::int64_t lease) override {
    pb::LeaseTimeToLiveRequest request;
    request.set_id(lease);
    pb::LeaseTimeToLiveResponse reply;
    FL_TRY(call([&](Member& m, grpc::ClientContext& c) {
      return m.lease->LeaseTimeToLive(&c, request, &reply);
    }));
    if (reply.ttl() < 0) return LeaseLife{};
    return LeaseLife{seconds(reply.grantedttl()), seconds(reply.ttl())};
  }

  base::Result<bool> revoke(std::int64_t lease) override {
    pb::LeaseRevokeRequest request;
    request.set_id(lease);
    pb::LeaseRevokeResponse reply;
    const auto done = call([&](Member& m, grpc::ClientContext& c) {
      return m.lease->LeaseRevoke(&c, request, &reply);
    });
    if (!done && done.error().code == ErrorCode::kNotFound) return false;
    return done;
  }

  base::Result<std::unique_ptr<Watch>> watch(const std::string& prefix, std::int64_t from)
      override {
    // A call that any member answers finds one that lives, and renews the token.
    FL_TRY(get(prefix, 0));
    Member& m = members_[in_use_.load() % members_.size()];
    auto watch = std::make_unique<GrpcWatch>(m.at, token());
    if (!watch->open(*m.watch, prefix, from))
      return base::fail(ErrorCode::kUnavailable, "etcd " + m.at + ": no watch");
    return std::unique_ptr<Watch>(std::move(watch));
  }

 private:
  using Call = std::function<grpc::Status(Member&, grpc::ClientContext&)>;

  base::Result<Range> range(const std::string& key, const std::string& end, std::int64_t revision) {
    pb::RangeRequest request;
    request.set_key(key);
    request.set_range_end(end);
    request.set_revision(revision);
    pb::RangeResponse reply;
    FL_TRY(call([&](Member& m, grpc::ClientContext& c) { return m.kv->Range(&c, request, &reply); })
    );
    Range out;
    out.revision = revision != 0 ? revision : reply.header().revision();
    for (const pb::KeyValue& kv : reply.kvs()) out.values.push_back(from_wire(kv));
    return out;
  }

  // The member in use, then the others; once more with a new token where the old one is refused.
  base::Result<bool> call(const Call& make) {
    if (members_.empty()) return base::invalid("etcd: no endpoints");
    std::optional<base::Error> error;
    const std::size_t first = in_use_.load();
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const std::size_t n = (first + i) % members_.size();
      grpc::Status status = once(members_[n], make);
      if (code_of(status) == ErrorCode::kPermissionDenied && !settings_.user.empty()) {
        FL_TRY(authenticate(members_[n]));
        status = once(members_[n], make);
      }
      if (status.ok()) {
        in_use_.store(n);
        return true;
      }
      error = failed(members_[n].at, status).value();
      if (!try_next(status)) break;
    }
    return tl::unexpected(*error);
  }

  grpc::Status once(Member& member, const Call& make) {
    (void)member.channel->WaitForConnected(std::chrono::system_clock::now() + kConnect);
    grpc::ClientContext context;
    context.set_deadline(deadline());
    if (const std::string t = token(); !t.empty()) context.AddMetadata("token", t);
    return make(member, context);
  }

  base::Result<bool> authenticate(Member& member) {
    pb::AuthenticateRequest request;
    request.set_name(settings_.user);
    request.set_password(settings_.password);
    pb::AuthenticateResponse reply;
    grpc::ClientContext context;
    context.set_deadline(deadline());
    const grpc::Status status = member.auth->Authenticate(&context, request, &reply);
    if (!status.ok()) return failed(member.at, status);
    const std::lock_guard lock(mutex_);
    token_ = reply.token();
    return true;
  }

  [[nodiscard]] std::chrono::system_clock::time_point deadline() const {
    return std::chrono::system_clock::now() + std::chrono::nanoseconds(settings_.timeout);
  }
  [[nodiscard]] std::string token() const {
    const std::lock_guard lock(mutex_);
    return token_;
  }

  Settings settings_;
  std::vector<Member> members_;
  std::atomic<std::size_t> in_use_{0};
  mutable std::mutex mutex_;
  std::string token_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Client> Client::make(Settings settings) {
  return std::make_unique<GrpcClient>(std::move(settings));
}

std::string prefix_end(std::string prefix) {
  while (!prefix.empty()) {
    if (static_cast<unsigned char>(prefix.back()) < 0xff) {
      prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  return std::string(1, '\0');  // all keys
}

}  // namespace fairlead::etcd
