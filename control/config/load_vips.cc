// SPDX-License-Identifier: BSD-3-Clause
// Vips and pools: keys, ranges, duplicates.
#include "control/config/load_vips.hh"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "control/config/load_health.hh"
#include "control/config/load_outgoing.hh"
#include "control/config/load_quic.hh"
#include "control/config/load_source.hh"
#include "control/model/names.hh"
#include "control/model/table_sizes.hh"

namespace fairlead::config {
namespace {

constexpr std::uint64_t kMostWeight = 10'000;
constexpr std::uint64_t kMostCapacity = 10'000'000;

bool is_listed(std::uint32_t size) {
  return std::find(model::kTableSizes.begin(), model::kTableSizes.end(), size) !=
         model::kTableSizes.end();
}

std::string listed_sizes() {
  std::string out;
  for (const std::uint32_t size : model::kTableSizes) out += " " + std::to_string(size);
  return out;
}

struct Place {
  std::string path;  // "vips[0]", "vips[0].backends[3]"
  int line;
};

std::string first_at(const Place& p) {
  return " (" + p.path + ", line " + std::to_string(p.line) + ")";
}

// What has been seen so far in the whole file.
struct Seen {
  std::map<std::string, Place> vip_names;
  std::map<std::tuple<net::Prefix, net::IpProto, std::uint16_t>, Place> endpoints;
  std::map<net::Prefix, std::pair<bool, Place>> echoes;
  std::set<std::tuple<net::Family, int, bool>> shapes;
  std::map<std::string, std::pair<net::IpAddr, Place>> backends;
  std::map<std::string, std::uint32_t> capacities;
  std::map<std::string, model::LoadSource> sources;
};

class VipReader {
 public:
  VipReader(
      const Config& config,
      const model::Health& health,
      const model::LoadSource& source,
      Purpose purpose,
      Diagnosis& diagnosis
  )
      : config_(config),
        health_(health),
        source_(source),
        purpose_(purpose),
        diagnosis_(diagnosis) {}

  model::Vip read(const Value& value, const std::string& path) {
    const Section s(
        &value,
        value.line,
        path,
        {"name",
         "address",
         "protocol",
         "port",
         "encapsulation",
         "choices",
         "udp",
         "table_size",
         "quic",
         "mss",
         "echo",
         "health",
         "backends"},
        diagnosis_
    );
    model::Vip vip = scalars(s);
    load_vip_outgoing(s, vip);
    check_echo(s, vip, path);
    check_unique(s, vip, path);
    load_quic(s, vip, diagnosis_);
    vip.health = load_vip_health(s, vip, health_);
    pool(s, vip);
    check_server_ids(s, vip);
    return vip;
  }

 private:
  model::Vip scalars(const Section& s) {
    static constexpr std::string_view kProtocols[] = {"tcp", "udp"};
    static constexpr std::string_view kTracking[] = {"tracked", "stateless"};
    model::Vip vip;
    if (s.require("name", "name: web")) vip.name = s.name("name", "");
    if (s.require("address", "address: 203.0.113.10")) read_prefix(s, vip);
    vip.protocol = s.word("protocol", kProtocols, 0) == 0 ? net::IpProto::kTcp : net::IpProto::kUdp;
    if (s.require("port", "port: 80")) {
      vip.port = static_cast<std::uint16_t>(s.whole("port", {0, 65535}, 0));
    }
    vip.encapsulation = static_cast<model::Encapsulation>(
        FL_ENCAP_IPIP + s.word("encapsulation", model::kEncapsulationNames, 0)
    );
    vip.choices = static_cast<std::uint8_t>(s.whole("choices", {1, FL_MAX_CANDIDATES}, 3));
    vip.stateless = s.word("udp", kTracking, 0) == 1;
    if (vip.stateless && vip.protocol != net::IpProto::kUdp)
      s.error("udp", "'stateless' is for protocol: udp, TCP flows are always tracked");
    if (s.has("table_size")) {
      vip.table_size = static_cast<std::uint32_t>(s.whole(
          "table_size",
          {model::kTableSizes.front(), model::kTableSizes.back()},
          model::kLeastDefaultTableSize
      ));
      if (!is_listed(vip.table_size)) {
        s.error(
            "table_size",
            "'" + std::to_string(vip.table_size) + "' is not one of" + listed_sizes() +
                ", choose one or leave the key out"
        );
      }
    }
    return vip;
  }

  void read_prefix(const Section& s, model::Vip& vip) {
    const auto prefix = s.vip("address");
    if (!prefix) return;
    vip.prefix = *prefix;
    for (const auto& node : {config_.node.address, config_.node.address6}) {
      if (node && prefix->contains(*node)) {
        s.error(
            "address",
            prefix->to_string() + " holds the node's own address " + node->to_string() +
                ", which must stay the node's, use other addresses"
        );
      }
    }
  }

  // An echo request names an address, not a port.
  void check_echo(const Section& s, const model::Vip& vip, const std::string& path) {
    const auto [first, fresh] =
        seen_.echoes.try_emplace(vip.prefix, vip.answers_echo, Place{path, s.line()});
    if (fresh || first->second.first == vip.answers_echo) return;
    s.error(
        "echo",
        "differs from the vip at the same address" + first_at(first->second.second) +
            ", use one value"
    );
  }

  void check_unique(const Section& s, const model::Vip& vip, const std::string& path) {
    const auto [name, fresh_name] = seen_.vip_names.try_emplace(vip.name, Place{path, s.line()});
    if (!fresh_name) {
      s.error("name", "'" + vip.name + "' is taken" + first_at(name->second) + ", rename one");
    }
    const auto key = std::tuple(vip.prefix, vip.protocol, vip.port);
    const auto [endpoint, fresh] = seen_.endpoints.try_emplace(key, Place{path, s.line()});
    if (!fresh) {
      s.error(
          "address",
          model::endpoint_text(vip.prefix, vip.port, vip.protocol) + " is already a vip" +
              first_at(endpoint->second) + ", merge the two or change one"
      );
    }
    seen_.shapes.emplace(vip.prefix.address.family, vip.prefix.length, vip.port == 0);
    if (seen_.shapes.size() > FL_MAX_SHAPES) {
      s.error(
          "address",
          "more than " + std::to_string(FL_MAX_SHAPES) +
              " different combinations of family, prefix length and 'any port' in "
              "all vips, use fewer prefix lengths"
      );
    }
  }

  void pool(const Section& s, model::Vip& vip) {
    const auto items = s.list("backends");
    bool any_weight = false;
    std::map<std::string, Place> ids;
    std::map<net::IpAddr, Place> addresses;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string path = s.path_of(index_path("backends", i));
      const Section b(
          &items[i],
          items[i].line,
          path,
          {"id", "address", "weight", "capacity", "mac", "health_port", "server_id", "source"},
          diagnosis_
      );
      const model::Backend backend = read_backend(b, vip);
      const Place here{path, b.line()};
      check_in_pool(b, backend, here, ids, addresses);
      check_identity(b, backend, here);
      if (vip.prefix.contains(backend.address)) {
        b.error(
            "address",
            backend.address.to_string() +
                " is an address of the vip itself, tunnels to it would come back here; use the "
                "host's own"
        );
      }
      any_weight = any_weight || backend.weight > 0;
      vip.backends.push_back(backend);
    }
    if (vip.table_size != 0 && items.size() > vip.table_size) {
      s.error(
          "table_size",
          std::to_string(items.size()) + " backends do not fit " + std::to_string(vip.table_size) +
              " slots, choose a larger one or leave the key out"
      );
    }
    if (items.empty() && purpose_ == Purpose::kForward) {
      s.error("backends", "the pool is empty, list a backend or remove the vip");
    } else if (!items.empty() && !any_weight) {
      s.error(
          "backends",
          "weight 0 for all " + std::to_string(items.size()) +
              " backends, give one a weight or drain them instead"
      );
    }
  }

  model::Backend read_backend(const Section& b, const model::Vip& vip) {
    model::Backend backend;
    if (b.require("id", "id: b1")) backend.id = b.name("id", "");
    if (b.require("address", "address: 10.0.0.1")) read_address(b, backend);
    backend.weight = static_cast<std::uint32_t>(b.whole("weight", {0, kMostWeight}, 100));
    backend.capacity = static_cast<std::uint32_t>(b.whole("capacity", {0, kMostCapacity}, 0));
    backend.source = load_source(b, source_);
    load_server_id(b, vip, backend);
    backend.mac = b.mac("mac");
    if (backend.mac && vip.encapsulation != model::Encapsulation::kL2) {
      b.warn("mac", "is used with encapsulation l2 only");
    }
    if (b.has("health_port")) {
      backend.health_port = static_cast<std::uint16_t>(b.whole("health_port", {1, 65535}, 1));
      if (vip.health.via == model::ProbeVia::kTunnel && vip.port != 0 &&
          *backend.health_port != vip.port) {
        b.warn(
            "health_port",
            "with health via the tunnel its agent must serve the vip with this port too, or the "
            "backend counts as down"
        );
      }
    } else if (vip.port == 0 && model::probes(vip.health.kind)) {
      b.warn(
          "health_port",
          "missing, and the vip has port 0: nothing to probe, so the backend counts "
          "as healthy; give a port, or set the vip's health type to host or none"
      );
    }
    return backend;
  }

  void read_address(const Section& b, model::Backend& backend) {
    const auto address = b.routed_address("address");
    if (!address) return;
    backend.address = *address;
    const bool source = address->is_v4() ? config_.node.address || config_.outgoing.source4
                                         : config_.node.address6 || config_.outgoing.source6;
    if (!source && !config_.ports.empty()) {
      b.warn(
          "address",
          std::string("node.address") + (address->is_v4() ? "" : "6") + " is not set: tunnels to " +
              address->to_string() + " have no outer source"
      );
    }
  }

  static void check_in_pool(
      const Section& b,
      const model::Backend& backend,
      const Place& here,
      std::map<std::string, Place>& ids,
      std::map<net::IpAddr, Place>& addresses
  ) {
    const auto [id, fresh_id] = ids.try_emplace(backend.id, here);
    if (!fresh_id) {
      b.error(
          "id",
          "'" + backend.id + "' is in this pool already" + first_at(id->second) + ", remove one"
      );
    }
    const auto [address, fresh] = addresses.try_emplace(backend.address, here);
    if (!fresh) {
      b.error(
          "address",
          backend.address.to_string() + " is in this pool already" + first_at(address->second) +
              ", remove one or add the weights"
      );
    }
  }

  // The same id in two pools is the same backend, so it has one address and one capacity.
  void check_identity(const Section& b, const model::Backend& backend, const Place& here) {
    const auto [it, fresh] =
        seen_.backends.try_emplace(backend.id, std::pair(backend.address, here));
    if (!fresh && it->second.first != backend.address) {
      b.error(
          "address",
          "backend '" + backend.id + "' has address " + it->second.first.to_string() +
              " elsewhere" + first_at(it->second.second) + ", use one address or two ids"
      );
    }
    if (seen_.backends.size() > FL_MAX_BACKENDS) {
      b.error(
          "id",
          "more than " + std::to_string(FL_MAX_BACKENDS) +
              " backends in all vips, split them over several fleets"
      );
    }
    const auto [source, own] = seen_.sources.try_emplace(backend.id, backend.source);
    if (!own && source->second != backend.source) {
      b.error("source", "backend '" + backend.id + "' has another one in another pool, use one");
    }
    if (backend.capacity == 0) return;
    const auto [capacity, first] = seen_.capacities.try_emplace(backend.id, backend.capacity);
    if (!first && capacity->second != backend.capacity) {
      b.error(
          "capacity",
          "backend '" + backend.id + "' has capacity " + std::to_string(capacity->second) +
              " in another pool, use one value"
      );
    }
  }

  const Config& config_;
  const model::Health health_;
  const model::LoadSource source_;
  Purpose purpose_;
  Diagnosis& diagnosis_;
  Seen seen_;
};

}  // namespace

std::vector<model::Vip> load_vips(
    const Section& root, const Config& config, Purpose purpose, Diagnosis& diagnosis
) {
  std::vector<model::Vip> vips;
  const model::Health defaults = load_health(root);
  VipReader reader(config, defaults, load_default_source(root), purpose, diagnosis);
  const auto items = root.list("vips");
  if (items.empty() && purpose != Purpose::kStage)
    root.error("vips", "no vip, list at least one (see config/fairlead.yaml)");
  if (items.size() > FL_MAX_VIPS) {
    root.error(
        "vips",
        std::to_string(items.size()) + " vips, at most " + std::to_string(FL_MAX_VIPS) +
            " are possible"
    );
    return vips;
  }
  vips.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    vips.push_back(reader.read(items[i], index_path("vips", i)));
  }
  return vips;
}

}  // namespace fairlead::config
