// SPDX-License-Identifier: BSD-3-Clause
// The lists, and the questions.
#include "ebpf/requirements.hh"

#include <array>
#include <filesystem>
#include <fstream>

#include <bpf/libbpf.h>

namespace fairlead::ebpf {
namespace {

using Kind = Feature::Kind;

constexpr std::array kGate = {
    Feature{Kind::kHelper, BPF_FUNC_xdp_load_bytes, "helper bpf_xdp_load_bytes", "5.18"},
    Feature{Kind::kHelper, BPF_FUNC_xdp_store_bytes, "helper bpf_xdp_store_bytes", "5.18"},
    Feature{Kind::kHelper, BPF_FUNC_ktime_get_coarse_ns, "helper bpf_ktime_get_coarse_ns", "5.11"},
    Feature{Kind::kMap, BPF_MAP_TYPE_XSKMAP, "maps of AF_XDP sockets", "4.18"},
    Feature{Kind::kHelper, BPF_FUNC_xdp_adjust_tail, "helper bpf_xdp_adjust_tail", "4.18"},
};
constexpr std::array kDecap = {
    Feature{Kind::kHelper, BPF_FUNC_xdp_load_bytes, "helper bpf_xdp_load_bytes", "5.18"},
    Feature{Kind::kHelper, BPF_FUNC_skc_lookup_tcp, "helper bpf_skc_lookup_tcp", "5.2"},
    Feature{Kind::kHelper, BPF_FUNC_tcp_check_syncookie, "helper bpf_tcp_check_syncookie", "5.2"},
    Feature{Kind::kHelper, BPF_FUNC_fib_lookup, "helper bpf_fib_lookup", "4.18"},
};

bool says(const std::filesystem::path& file, const std::string& line) {
  std::ifstream in(file);
  for (std::string read; std::getline(in, read);)
    if (read == line) return true;
  return false;
}

}  // namespace

std::span<const Feature> gate_features() {
  return kGate;
}
std::span<const Feature> decap_features() {
  return kDecap;
}

int ask_kernel(const Feature& feature) {
  if (feature.kind == Kind::kMap)
    return libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(feature.number), nullptr);
  return libbpf_probe_bpf_helper(
      BPF_PROG_TYPE_XDP, static_cast<bpf_func_id>(feature.number), nullptr
  );
}

base::Result<void> check_kernel(std::span<const Feature> features, const FeatureProbe& probe) {
  for (const Feature& feature : features) {
    if (probe(feature) != 0) continue;
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        std::string("this kernel lacks the ") + feature.name + " (Linux " + feature.since +
            "); Linux 5.18 and newer have all that the XDP programs need"
    );
  }
  return {};
}

base::Result<void> check_interface(const std::string& interface, const std::string& sysfs) {
  const std::filesystem::path folder = std::filesystem::path(sysfs) / interface;
  std::error_code error;
  if (std::filesystem::exists(folder / "bonding", error)) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "interface " + interface +
            " is a bond, which has no receive queues of its own to bind AF_XDP sockets to; give "
            "the gate and the data plane one of its members, or spread the traffic over two nodes"
    );
  }
  if (says(folder / "uevent", "DEVTYPE=vlan")) {
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "interface " + interface +
            " is a VLAN device; give the gate the device below it: it reads up to two tags itself"
    );
  }
  return {};
}

}  // namespace fairlead::ebpf
