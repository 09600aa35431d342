// SPDX-License-Identifier: BSD-3-Clause
// ipvsadm's listing, column for column, for muscle memory and scripts that read it.
#include <cctype>
#include <cstdio>

#include "control/cli/pages.hh"
#include "control/cli/run_commands.hh"

namespace fairlead::cli {
namespace {

std::string text_or_zero(const Json& row, const char* key) {
  const std::string shown = cell(row, key, Format::kText);
  return shown == "-" ? "0" : shown;
}

std::string endpoint(const std::string& address, const std::string& port) {
  return (address.find(':') != std::string::npos ? "[" + address + "]" : address) + ":" + port;
}

std::string forward(const Json& vip) {
  return text_or_zero(vip, "encapsulation") == "l2" ? "Route" : "Tunnel";  // ipvsadm's words
}

std::string column(const std::string& value, int width) {  // right-aligned where width > 0
  char out[128];
  std::snprintf(out, sizeof out, "%*s", width, value.c_str());
  return out;
}

std::string connections(const Json& vip, const Json& backend, const std::string& where) {
  return "  -> " + column(where, -28) + " " + column(forward(vip), -7) + " " +
         column(text_or_zero(backend, "weight"), -6) + " " +
         column(text_or_zero(backend, "in_flight"), -10) + " 0";
}

std::string figures(const Json& row, const char* flows, const std::string& left) {
  return column(left, -33) + column(text_or_zero(row, flows), 8) + " " +
         column(text_or_zero(row, "packets"), 8) + " " + column("0", 8) + " " +
         column(text_or_zero(row, "bytes"), 10) + " " + column("0", 8);
}

}  // namespace

Page ipvs_page(const Json& vips, const Json& backends, const std::string& what) {
  const bool stats = what == "stats";
  const bool rate = what == "rate";
  Page page;
  page.blocks.emplace_back(std::string("IP Virtual Server (Fairlead " FL_VERSION ")"));
  page.blocks.emplace_back(
      stats
          ? column("Prot LocalAddress:Port", -33) + "   Conns   InPkts  OutPkts    InBytes OutBytes"
      : rate
          ? column("Prot LocalAddress:Port", -33) + "     CPS    InPPS   OutPPS      InBPS   OutBPS"
          : std::string("Prot LocalAddress:Port Scheduler Flags")
  );
  page.blocks.emplace_back(std::string(
      stats || rate ? "  -> RemoteAddress:Port"
                    : "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn"
  ));
  for (const Json& vip : vips) {
    std::string protocol = text_or_zero(vip, "protocol");
    for (char& c : protocol) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::string port = text_or_zero(vip, "port");
    const std::string head =
        column(protocol, -4) + " " + endpoint(text_or_zero(vip, "address"), port);
    page.blocks.emplace_back(stats || rate ? figures(vip, "new_flows", head) : head + " mh");
    for (const Json& backend : backends) {
      if (text_or_zero(backend, "vip") != text_or_zero(vip, "name")) continue;
      const std::string where = endpoint(text_or_zero(backend, "address"), port);
      page.blocks.emplace_back(
          stats || rate ? figures(backend, "flows_begun", "  -> " + where)
                        : connections(vip, backend, where)
      );
    }
  }
  return page;
}

}  // namespace fairlead::cli
