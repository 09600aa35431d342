// SPDX-License-Identifier: BSD-3-Clause
// What a service manager hears, and when.
#include "dataplane/sys/watchdog.hh"

#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::sys {
namespace {

/// A service manager's socket, abstract as in a user's session.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    name_ = "@fairlead-watchdog-test-" + std::to_string(::getpid());
    std::memcpy(at.sun_path + 1, name_.data() + 1, name_.size() - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string heard() const {
    char text[64];
    const auto got = ::recv(fd_.get(), text, sizeof text, 0);
    return got < 0 ? "" : std::string(text, static_cast<std::size_t>(got));
  }

 private:
  UniqueFd fd_;
  std::string name_;
};

TEST(Watchdog, TellsThatItIsReadyAndThatItLivesFourTimesInTheTimeThatIsWaited) {
  const Manager manager;
  Watchdog dog(manager.name(), 4 * base::kSecond);
  dog.ready();
  EXPECT_EQ(manager.heard(), "READY=1");
  dog.alive(base::kSecond);
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  dog.alive(2 * base::kSecond - 1);
  EXPECT_EQ(manager.heard(), "") << "not at every turn";
  dog.alive(2 * base::kSecond);
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST(Watchdog, TheEnvironmentSaysWhoIsWatchedAndIsNotLeftToChildren) {
  const Manager manager;
  const std::string own = std::to_string(::getpid());
  for (const auto& [pid, watched] : {std::pair<std::string, bool>{own, true}, {"1", false}}) {
    ::setenv("NOTIFY_SOCKET", manager.name().c_str(), 1);
    ::setenv("WATCHDOG_USEC", "5000000", 1);
    ::setenv("WATCHDOG_PID", pid.c_str(), 1);
    const Watchdog dog;
    EXPECT_EQ(dog.patience(), watched ? 5 * base::kSecond : 0);
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
  }
}

TEST(Watchdog, WithoutAManagerNothingIsToldAndNothingFails) {
  Watchdog nobody("", base::kSecond);
  nobody.ready();
  nobody.alive(0);
  EXPECT_EQ(nobody.patience(), 0u);
  Watchdog gone("@fairlead-nobody-listens-here", base::kSecond);
  gone.ready();
  gone.alive(1);
}

}  // namespace
}  // namespace fairlead::sys
