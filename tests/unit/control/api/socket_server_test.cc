// SPDX-License-Identifier: BSD-3-Clause
// The socket with clients that behave and clients that do not.
#include "control/api/socket_server.hh"

#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::api {
namespace {

std::string socket_path() {
  return "/tmp/fairlead-socket-test-" + std::to_string(::getpid());
}

class Client {
 public:
  Client() : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, socket_path().c_str());
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  }
  ~Client() { ::close(fd_); }
  void send(const std::string& text) const {
    (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  // What has come until now; "EOF" at the end.
  [[nodiscard]] std::string read() const {
    char buffer[1 << 17];
    const auto got = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : got == 0 ? "EOF" : "";
  }

 private:
  int fd_;
};

SocketServer echo_server() {
  auto server = SocketServer::listen(socket_path(), [](const std::string& line, Peer peer) {
    return (peer == Peer::kWriter ? "w:" : "r:") + line;
  });
  EXPECT_TRUE(server);
  return std::move(*server);
}

void turns(SocketServer& server) {
  for (int i = 0; i < 32; ++i) server.turn();
}

TEST(SocketServer, AnswersLineByLineInOrder) {
  SocketServer server = echo_server();
  Client client;

  client.send("one\ntwo\nthr");
  turns(server);
  EXPECT_EQ(client.read(), "w:one\nw:two\n");
  client.send("ee\n");
  turns(server);

  EXPECT_EQ(client.read(), "w:three\n");
}

TEST(SocketServer, EndlessLineIsRefusedOnceAndOthersGoOn) {
  SocketServer server = echo_server();
  Client bad;
  Client good;
  const std::string junk(16'000, 'x');

  // We may write, so a whole configuration is let through.
  for (std::size_t sent = 0; sent <= SocketServer::kMostWriterLine; sent += junk.size()) {
    bad.send(junk);
    turns(server);
  }
  good.send("still here\n");
  turns(server);

  const std::string refusal = bad.read();
  EXPECT_NE(refusal.find("line longer than 16 MiB"), std::string::npos);
  EXPECT_EQ(refusal.find('\n'), refusal.size() - 1);
  EXPECT_EQ(good.read(), "w:still here\n");

  bad.send("its end\nand another\n");
  turns(server);
  EXPECT_EQ(bad.read(), "w:and another\n");
}

TEST(SocketServer, ClientThatGoesAwayIsForgotten) {
  SocketServer server = echo_server();
  { Client client; }
  turns(server);

  EXPECT_EQ(server.clients(), 0U);
}

TEST(SocketServer, TooManyClientsAreTurnedAway) {
  SocketServer server = echo_server();
  std::vector<Client> clients(SocketServer::kMostClients);
  for (int i = 0; i < 8; ++i) turns(server);
  const Client late;
  turns(server);

  EXPECT_EQ(server.clients(), SocketServer::kMostClients);
  EXPECT_EQ(late.read(), "EOF");
}

TEST(SocketServer, OldSocketFileIsReplaced) {
  { SocketServer first = echo_server(); }
  SocketServer second = echo_server();
  SocketServer third = echo_server();
  Client client;
  client.send("x\n");
  turns(third);

  EXPECT_EQ(client.read(), "w:x\n");
}

}  // namespace
}  // namespace fairlead::api
