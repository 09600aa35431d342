// SPDX-License-Identifier: BSD-3-Clause
// Spawning etcd and etcdctl.
#include "tests/unit/control/etcd/running_etcd.hh"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::etcd {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";

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

std::string whole_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

pid_t spawn(const std::vector<std::string>& words, const std::string& log) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(fd, STDERR_FILENO);
  ::dup2(fd, STDOUT_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::setenv("ETCDCTL_API", "3", 1);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

int run(const std::vector<std::string>& words, const std::string& log) {
  int status = 0;
  ::waitpid(spawn(words, log), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

bool RunningEtcd::installed() {
  return ::access(kProgram, X_OK) == 0;
}

RunningEtcd::RunningEtcd(std::size_t members, bool tls) : tls_(tls) {
  char folder[] = "/tmp/fairlead-etcd-XXXXXX";
  EXPECT_NE(::mkdtemp(folder), nullptr);
  folder_ = folder;
  for (std::size_t i = 0; i < members; ++i)
    members_.push_back({"e" + std::to_string(i), free_port(), free_port(), -1});
  if (tls_) make_certificates();
}

RunningEtcd::~RunningEtcd() {
  kill_all();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void RunningEtcd::start(std::size_t number) {
  Member& m = members_[number];
  std::string cluster;
  for (const Member& other : members_) {
    cluster += (cluster.empty() ? "" : ",") + other.name +
               "=http://127.0.0.1:" + std::to_string(other.peer_port);
  }
  const std::string client = scheme() + "://127.0.0.1:" + std::to_string(m.client_port);
  const std::string peer = "http://127.0.0.1:" + std::to_string(m.peer_port);
  std::vector<std::string> words = {
      kProgram,
      "--name",
      m.name,
      "--data-dir",
      folder_ + "/" + m.name,
      "--unsafe-no-fsync",
      "--listen-client-urls",
      client,
      "--advertise-client-urls",
      client,
      "--listen-peer-urls",
      peer,
      "--initial-advertise-peer-urls",
      peer,
      "--initial-cluster",
      cluster};
  if (tls_) {
    for (const std::string& word :
         {std::string("--client-cert-auth"),
          std::string("--trusted-ca-file"),
          folder_ + "/ca.pem",
          std::string("--cert-file"),
          folder_ + "/server.pem",
          std::string("--key-file"),
          folder_ + "/server.key"})
      words.push_back(word);
  }
  m.pid = spawn(words, folder_ + "/" + m.name + ".log");
}

void RunningEtcd::start_all() {
  for (std::size_t i = 0; i < members_.size(); ++i) start(i);
  const auto client = Client::make(settings());
  ASSERT_TRUE(eventually([&] {
    const auto answer = client->get("x");
    // With users, who has none is refused: it lives.
    return answer || answer.error().code == base::ErrorCode::kPermissionDenied;
  })) << whole_file(folder_ + "/e0.log");
}

void RunningEtcd::kill(std::size_t number) {
  Member& m = members_[number];
  if (m.pid <= 0) return;
  ::kill(m.pid, SIGKILL);
  ::waitpid(m.pid, nullptr, 0);
  m.pid = -1;
}

void RunningEtcd::kill_all() {
  for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
}

std::vector<std::string> RunningEtcd::endpoints() const {
  std::vector<std::string> out;
  for (const Member& m : members_) out.push_back("127.0.0.1:" + std::to_string(m.client_port));
  return out;
}

Settings RunningEtcd::settings() const {
  Settings s;
  s.endpoints = endpoints();
  if (!tls_) return s;
  s.ca = whole_file(folder_ + "/ca.pem");
  s.cert = whole_file(folder_ + "/client.pem");
  s.key = whole_file(folder_ + "/client.key");
  return s;
}

int RunningEtcd::ctl(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {"/usr/bin/etcdctl", "--endpoints", endpoints().front()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run(words, folder_ + "/etcdctl.log");
}

void RunningEtcd::make_certificates() const {
  const auto openssl = [&](const std::string& arguments) {
    const std::string log = folder_ + "/openssl.log";
    ASSERT_EQ(run({"sh", "-c", "cd " + folder_ + " && openssl " + arguments}, log), 0)
        << whole_file(log);
  };
  openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2");
  std::ofstream(folder_ + "/names") << "subjectAltName=IP:127.0.0.1\n";
  for (const std::string who : {"server", "client"}) {
    openssl(
        "req -newkey rsa:2048 -nodes -keyout " + who + ".key -out " + who + ".csr -subj /CN=" + who
    );
    openssl(
        "x509 -req -in " + who + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out " +
        who + ".pem -extfile names"
    );
  }
}

bool RunningEtcd::eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

}  // namespace fairlead::etcd
