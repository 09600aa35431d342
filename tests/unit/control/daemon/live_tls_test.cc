// SPDX-License-Identifier: BSD-3-Clause
// A monitor with mutual TLS is heard by nodes that have a certificate of the fleet, and by no
// others.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/unit/control/daemon/running_control.hh"
#include "tests/unit/control/daemon/running_monitor.hh"

namespace fairlead::control {
namespace {

/// NAME.pem and NAME.key for 127.0.0.1 in `folder`, signed by CA.pem there.
void certify(const std::string& folder, const std::string& ca, const std::string& name) {
  const std::string make =
      "cd " + folder + " && { [ -f " + ca + ".pem ] || openssl req -x509 -newkey ec -pkeyopt " +
      "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + ca + " -keyout " + ca + ".key -out " +
      ca + ".pem; } && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" +
      name + " -keyout " + name + ".key -out " + name +
      ".csr && echo subjectAltName=IP:127.0.0.1 >" + name + ".ext && openssl x509 -req -in " +
      name + ".csr -CA " + ca + ".pem -CAkey " + ca + ".key -CAcreateserial -days 2 -extfile " +
      name + ".ext -out " + name + ".pem";
  ASSERT_EQ(std::system(("(" + make + ") >/dev/null 2>&1").c_str()), 0) << make;
}

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v openssl >/dev/null") != 0) GTEST_SKIP() << "no openssl";
    certify(folder(), "ca", "host");
    certify(folder(), "other", "stranger");
    ours.write_file(text(ours, "lb1", tls("host", "ca")));
    monitor.start();
    ours.start();
  }
  [[nodiscard]] const std::string& folder() const { return ours.folder(); }
  [[nodiscard]] std::string tls(const std::string& name, const std::string& ca) const {
    return ", certificate: " + folder() + "/" + name + ".pem, key: " + folder() + "/" + name +
           ".key, ca: " + folder() + "/" + ca + ".pem";
  }
  [[nodiscard]] std::string text(
      const RunningControl& node, const std::string& id, const std::string& more
  ) const {
    return "node: {id: " + id + ", address: 192.0.2.11, runtime_dir: " + node.folder() +
           "/run}\nmetrics: {listen: off}\nhealth: {type: none}\npolicy: {name: static}\n" +
           "monitoring: {interval: 100ms, listen: off, monitors: [\"" + monitor.at() + "\"]" +
           more + "}\nvips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: [" +
           "{id: b1, address: 10.0.0.1}]}\n";
  }
  static Json fleet(const RunningControl& node) { return node.result("show status")["fleet"]; }

  RunningControl ours;
  RunningControl stranger;
  RunningMonitor monitor{ours.config_path(), ours.folder() + "/monitor"};
};

TEST_F(TlsTest, OnlyWhoHasACertificateOfTheFleetHearsAMonitor) {
  EXPECT_TRUE(ours.eventually([&] { return fleet(ours)["nodes"].size() == 1; })) << monitor.log();
  for (const std::string& more : {std::string(), tls("stranger", "ca"), tls("stranger", "other")}) {
    stranger.write_file(text(stranger, "lb2", more));
    stranger.start();
    const std::uint64_t before = fleet(ours)["updates"];
    ASSERT_TRUE(ours.eventually([&] { return fleet(ours)["updates"] > before + 10; }));
    EXPECT_EQ(fleet(stranger)["updates"], 0) << more;
    stranger.kill_now();
  }
  stranger.write_file(text(stranger, "lb2", tls("host", "ca")));
  stranger.start();
  EXPECT_TRUE(ours.eventually([&] { return fleet(ours)["nodes"].size() == 2; }));
}

TEST_F(TlsTest, AFileThatIsNotThereIsToldAtTheStart) {
  stranger.write_file(text(stranger, "lb2", tls("nobody", "ca")));
  const auto [status, told] = stranger.run_to_end();
  EXPECT_NE(status, 0);
  EXPECT_NE(told.find("nobody.pem"), std::string::npos) << told;
}

}  // namespace
}  // namespace fairlead::control
