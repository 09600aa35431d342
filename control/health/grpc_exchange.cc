// SPDX-License-Identifier: BSD-3-Clause
// grpc.health.v1.Health/Check over HTTP/2, with or without TLS, on a connection of ours: gRPC's own
// client has threads and connections that it will not give away, and no way into a tunnel.
#include <cstring>
#include <string>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "control/health/exchange.hh"

namespace fairlead::health {
namespace {

constexpr std::size_t kMostMessage = 4096;
constexpr int kServing = 1;  // HealthCheckResponse.ServingStatus

/// HealthCheckRequest{service}, with gRPC's prefix: not compressed, length.
std::string request_message(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message = "\x0a";  // field 1, bytes; a name has at most 127
    message += static_cast<char>(service.size());
    message += service;
  }
  std::string out(4, '\0');
  out += static_cast<char>(message.size());
  return out + message;
}

/// HealthCheckResponse.status of a whole message, -1: none.
int serving_status(const std::string& message) {
  if (message.size() < 5 || message[0] != 0) return -1;
  if (message.size() == 5) return 0;  // UNKNOWN: the default is not sent
  return message.size() >= 7 && message[5] == 0x08 ? static_cast<unsigned char>(message[6]) : -1;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // only read
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

class GrpcExchange final : public Exchange {
 public:
  explicit GrpcExchange(const Target& target) : request_(request_message(target.talk.service)) {
    nghttp2_session_callbacks* calls = nullptr;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
    nghttp2_session_client_new(&session_, calls, this);
    nghttp2_session_callbacks_del(calls);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    const std::string authority = target.host + ":" + std::to_string(target.port);
    const nghttp2_nv headers[] = {
        header(":method", "POST"),
        header(":scheme", target.kind == model::ProbeKind::kGrpcs ? "https" : "http"),
        header(":path", "/grpc.health.v1.Health/Check"),
        header(":authority", authority),
        header("content-type", "application/grpc"),
        header("te", "trailers"),
        header("user-agent", "fairlead-health"),
    };
    nghttp2_data_provider body{};
    body.source.ptr = this;
    body.read_callback = read_request;
    nghttp2_submit_request(session_, nullptr, headers, std::size(headers), &body, nullptr);
  }
  ~GrpcExchange() override { nghttp2_session_del(session_); }
  GrpcExchange(const GrpcExchange&) = delete;
  GrpcExchange& operator=(const GrpcExchange&) = delete;

  std::string take_output() override {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
      output_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    return std::exchange(output_, {});
  }

  std::optional<Verdict> on_bytes(std::string_view bytes) override {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (nghttp2_session_mem_recv(session_, data, bytes.size()) < 0)
      return Verdict{Outcome::kBadReply, 0};
    output_ = take_output();  // says goodbye where these bytes are no HTTP/2
    if (gave_up_) return Verdict{Outcome::kBadReply, 0};
    if (!closed_) return std::nullopt;
    return judge();
  }

  Verdict on_end() override { return {Outcome::kBadReply, 0}; }

 private:
  [[nodiscard]] Verdict judge() const {
    if (http_ != "200") return {Outcome::kBadReply, 0};
    if (grpc_ != "0") return {Outcome::kBadStatus, std::atoi(grpc_.c_str())};
    const int status = serving_status(message_);
    if (status < 0) return {Outcome::kBadReply, 0};
    return {status == kServing ? Outcome::kOk : Outcome::kNotServing, 0};
  }

  static GrpcExchange& self(void* user) { return *static_cast<GrpcExchange*>(user); }

  static int on_header(
      nghttp2_session*,
      const nghttp2_frame*,
      const std::uint8_t* name,
      std::size_t name_size,
      const std::uint8_t* value,
      std::size_t value_size,
      std::uint8_t,
      void* user
  ) {
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":status") self(user).http_ = text;
    if (key == "grpc-status") self(user).grpc_ = text;
    return 0;
  }
  static int on_data(
      nghttp2_session*,
      std::uint8_t,
      std::int32_t,
      const std::uint8_t* data,
      std::size_t size,
      void* user
  ) {
    std::string& message = self(user).message_;
    if (message.size() + size > kMostMessage) return NGHTTP2_ERR_CALLBACK_FAILURE;
    message.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(user).gave_up_ = true;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void* user) {
    self(user).closed_ = true;
    return 0;
  }
  static ssize_t
  read_request(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t room, std::uint32_t* flags, nghttp2_data_source* source, void*) {
    std::string& left = self(source->ptr).request_;
    const std::size_t size = std::min(room, left.size());
    std::memcpy(buffer, left.data(), size);
    left.erase(0, size);
    if (left.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }

  nghttp2_session* session_ = nullptr;
  std::string request_;
  std::string http_;
  std::string grpc_;
  std::string message_;
  std::string output_;
  bool gave_up_ = false;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Exchange> open_grpc_exchange(const Target& target) {
  return std::make_unique<GrpcExchange>(target);
}

}  // namespace fairlead::health
