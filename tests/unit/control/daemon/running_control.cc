// SPDX-License-Identifier: BSD-3-Clause
// Spawning, asking, waiting.
#include "tests/unit/control/daemon/running_control.hh"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

std::string whole_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
  ::close(fd);
  return ntohs(at.sin_port);
}

Backend::Backend(int last_byte, int port)
    : last_byte_(last_byte), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  EXPECT_EQ(::inet_pton(AF_INET, address().c_str(), &at.sin_addr), 1);
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  const int reuse = 1;
  (void)::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
  // Nobody accepts: what probes have reset stays in the queue.
  EXPECT_EQ(::listen(fd_, 4096), 0);
  EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
  port_ = ntohs(at.sin_port);
}

void Backend::stop() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

RunningControl::RunningControl() {
  char folder[] = "/tmp/fairlead-control-XXXXXX";
  EXPECT_NE(::mkdtemp(folder), nullptr);
  folder_ = folder;
  grpc_port_ = free_port();
}

RunningControl::~RunningControl() {
  kill_now();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void RunningControl::write_file(const std::string& text) const {
  std::ofstream(config_path()) << text;
}

void RunningControl::write_config(
    const std::vector<const Backend*>& backends, const std::string& more, const std::string& health
) const {
  std::string text =
      "node: {id: t1, address: 192.0.2.11, runtime_dir: " + folder_ + "/run}\n" +
      "metrics: {listen: " + metrics_listen() + "}\nhealth: {interval: 100ms, timeout: 80ms" +
      health + "}\n" +
      "monitoring: {interval: 100ms, listen: 127.0.0.1:" + std::to_string(grpc_port_) + "}\n" +
      more + "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [";
  int number = 1;
  for (const Backend* b : backends) {
    text += "\n     {id: b" + std::to_string(number++) + ", address: " + b->address() +
            ", health_port: " + std::to_string(b->port()) + "},";
  }
  write_file(text + "]}\n");
}

std::string RunningControl::config_text() const {
  return whole_file(config_path());
}

void RunningControl::serve_metrics() {
  metrics_port_ = free_port();
}

std::string RunningControl::metrics_listen() const {
  return metrics_port_ == 0 ? "off" : "127.0.0.1:" + std::to_string(metrics_port_);
}

std::string RunningControl::metrics() const {
  return metrics_at(metrics_port_);
}

std::string metrics_at(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string reply;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) {
    const std::string request =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char buffer[16384];
    for (;;) {
      const auto got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      reply.append(buffer, static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return reply;
}

pid_t RunningControl::spawn(const std::string& stderr_file) const {
  const char* program = std::getenv("FAIRLEAD_CONTROL");
  if (program == nullptr) {
    ADD_FAILURE() << "FAIRLEAD_CONTROL names the program";
    return -1;
  }
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int fd = ::open(stderr_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(fd, STDERR_FILENO);
  if (const char* slow = std::getenv("FAIRLEAD_SLOW_SYNC"); sync_ms_ > 0 && slow != nullptr) {
    ::setenv("LD_PRELOAD", slow, 1);
    ::setenv("FAIRLEAD_SYNC_MS", std::to_string(sync_ms_).c_str(), 1);
  }
  ::execl(program, program, "--config", config_path().c_str(), nullptr);
  ::_exit(127);
}

void RunningControl::start() {
  pid_ = spawn(folder_ + "/log");
  ASSERT_GT(pid_, 0);
  ASSERT_TRUE(eventually([this] {
    const Json reply = ask(R"({"command":"show status"})");
    return reply.is_object() && reply["result"]["generation"] != 0;
  })) << log();
}

std::pair<int, std::string> RunningControl::run_to_end() {
  const std::string file = folder_ + "/stderr";
  const pid_t pid = spawn(file);
  int status = 0;
  ::waitpid(pid, &status, 0);
  const std::string text = whole_file(file);
  std::filesystem::remove(file);
  return {WEXITSTATUS(status), text};
}

void RunningControl::signal(int number) const {
  ::kill(pid_, number);
}

void RunningControl::kill_now() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int RunningControl::terminate() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Json RunningControl::ask(const std::string& line) const {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strcpy(at.sun_path, (folder_ + "/run/control.sock").c_str());
  std::string reply;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) {
    const std::string request = line + "\n";
    (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char buffer[4096];
    while (reply.find('\n') == std::string::npos) {
      const auto got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      reply.append(buffer, static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return Json::parse(reply, nullptr, false);
}

Json RunningControl::result(const std::string& command, const Json& arguments) const {
  const Json reply = ask(Json{{"command", command}, {"arguments", arguments}}.dump());
  EXPECT_TRUE(reply.is_object() && reply["ok"].get<bool>()) << command << ": " << reply.dump();
  return reply.is_object() && reply.contains("result") ? reply["result"] : Json::object();
}

Json RunningControl::backend(const std::string& id) const {
  const Json rows = result("show backend", {{"backend", id}});
  return rows.contains("backends") ? rows["backends"][0] : Json::object();
}

bool RunningControl::eventually(const std::function<bool()>& condition, int times) {
  for (int i = 0; i < times; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string RunningControl::log() const {
  return whole_file(folder_ + "/log");
}

}  // namespace fairlead::control
