// SPDX-License-Identifier: BSD-3-Clause
// Reads and extends DPDK device strings.
#include "dataplane/device.hh"

namespace fairlead::dataplane {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

std::string device_name(std::string_view device) {
  return std::string(device.substr(0, device.find(',')));
}

std::optional<std::string> device_argument(std::string_view device, std::string_view key) {
  std::size_t comma = device.find(',');
  while (comma != std::string_view::npos) {
    const std::size_t begin = comma + 1;
    comma = device.find(',', begin);
    const std::string_view pair = device.substr(
        begin, comma == std::string_view::npos ? std::string_view::npos : comma - begin
    );
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == key && equals != std::string_view::npos) {
      return std::string(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

std::optional<std::string> kernel_interface_of(std::string_view device) {
  if (!starts_with(device, "net_af_xdp") && !starts_with(device, "net_af_packet")) {
    return std::nullopt;
  }
  return device_argument(device, "iface");
}

std::vector<std::string> queue_devices(const std::string& device, unsigned queues) {
  if (queues <= 1) return {device};
  if (starts_with(device, "net_af_packet")) {
    if (device_argument(device, "qpairs")) return {device};
    return {device + ",qpairs=" + std::to_string(queues)};
  }
  if (!starts_with(device, "net_af_xdp") || device_argument(device, "queue_count") ||
      device_argument(device, "start_queue")) {
    return {device};
  }
  const std::string name = device_name(device);
  const std::string arguments = device.substr(name.size());
  std::vector<std::string> devices;
  for (unsigned q = 0; q < queues; ++q) {
    devices.push_back(
        name + "q" + std::to_string(q) + arguments + ",start_queue=" + std::to_string(q) +
        ",queue_count=1"
    );
  }
  return devices;
}

}  // namespace fairlead::dataplane
