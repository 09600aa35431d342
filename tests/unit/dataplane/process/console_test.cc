// SPDX-License-Identifier: BSD-3-Clause
// The command socket with clients that send what no client should.
#include "dataplane/console.hh"

#include <cstring>
#include <string>
#include <thread>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

class ConsoleClients : public testing::Test {
 protected:
  ConsoleClients()
      : path_("/tmp/fl-console-" + std::to_string(::getpid())), ending_(::eventfd(0, EFD_CLOEXEC)) {
    auto console =
        Console::listen(path_, [](const std::string& command, const json&) -> base::Result<json> {
          return json(command);
        });
    EXPECT_TRUE(console);
    server_ = std::thread([this, served = std::move(*console)]() mutable {
      while (!served.wait(-1, ending_.get())) continue;
    });
  }
  ~ConsoleClients() override {
    const std::uint64_t one = 1;
    (void)!::write(ending_.get(), &one, sizeof one);
    server_.join();
  }

  [[nodiscard]] sys::UniqueFd connect() const {
    sys::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, path_.c_str());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    return fd;
  }
  /// All of it, however long the server takes.
  static void send(const sys::UniqueFd& fd, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const auto got = ::send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      ASSERT_GT(got, 0) << std::strerror(errno) << " after " << sent;
      sent += static_cast<std::size_t>(got);
    }
  }
  static json answer(const sys::UniqueFd& fd) {
    std::string line;
    for (char c = 0; ::recv(fd.get(), &c, 1, 0) == 1 && c != '\n';) line += c;
    return json::parse(line, nullptr, false);
  }

 private:
  std::string path_;
  sys::UniqueFd ending_;
  std::thread server_;
};

constexpr const char* kGood = "{\"command\":\"good\"}\n";

TEST_F(ConsoleClients, LineThatIsTooLongIsRefusedAndTheNextOneAnswered) {
  for (const std::size_t length :
       {std::size_t{64} << 10, std::size_t{70'000}, std::size_t{5} << 20}) {
    const auto client = connect();
    send(client, std::string(length, 'x') + "\n" + kGood);
    const json refusal = answer(client);
    EXPECT_EQ(refusal["code"], "invalid_argument") << length;
    EXPECT_LT(refusal["message"].get<std::string>().size(), 200U);
    EXPECT_EQ(answer(client)["result"], "good") << length;
  }
}

TEST_F(ConsoleClients, EndlessLineIsRefusedWhileItIsSent) {
  const auto client = connect();
  send(client, std::string(80'000, '{'));
  EXPECT_EQ(answer(client)["message"], "line longer than 64 KiB");
  send(client, std::string(1 << 20, '{') + "\n" + kGood);
  EXPECT_EQ(answer(client)["result"], "good");
}

TEST_F(ConsoleClients, EveryOtherMistakeIsAnsweredToo) {
  const auto client = connect();
  const std::string bad[] = {
      "",
      "{",
      "[]",
      "7",
      "\"show status\"",
      std::string("\0\0", 2),
      "\xff\xfe",
      std::string(60'000, '['),
      "{}",
      R"({"command":7})",
      R"({"command":null})",
      R"({"command":"x","command":"y"})",
      R"({"command":"x","arguments":[]})",
      R"({"command":"x","arguments":{"a":1,"a":2}})",
      R"({"command":"x","more":1})",
      "{\"command\":\"x\",\"" + std::string(50'000, 'k') + "\":1}",
  };
  for (const std::string& line : bad) {
    send(client, line + "\n");
    const json refusal = answer(client);
    EXPECT_EQ(refusal["code"], "invalid_argument") << line.substr(0, 40);
    EXPECT_LT(refusal["message"].get<std::string>().size(), 300U);
  }
  send(client, kGood);
  EXPECT_EQ(answer(client)["result"], "good");
}

}  // namespace
}  // namespace fairlead::dataplane
