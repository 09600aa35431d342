// SPDX-License-Identifier: BSD-3-Clause
// Loads, attaches and ends a pinned XDP program.
#include "ebpf/pinned_program.hh"

#include <cerrno>
#include <numeric>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ebpf/bpffs.hh"
#include "ebpf/requirements.hh"

namespace fairlead::ebpf {

void PinnedProgram::Close::operator()(bpf_object* object) const {
  bpf_object__close(object);
}

namespace {

const SharedMap* find_shared(const PinnedProgram::Source& source, const char* name) {
  for (const SharedMap& map : source.shared)
    if (map.name == name) return &map;
  return nullptr;
}

std::uint32_t map_id(int fd) {
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

/// What a map of the file is to be: a shared one, an array of given maps, or one pinned in `dir`.
base::Result<void> prepare(
    const PinnedProgram::Source& source, const std::string& dir, bpf_map* map
) {
  const char* const name = bpf_map__name(map);
  if (const SharedMap* shared = find_shared(source, name)) {
    if (const int r = bpf_map__reuse_fd(map, shared->fd); r != 0) {
      return bpf_error(std::string("share map ") + name, -r);
    }
    return {};
  }
  if (source.outer && source.outer->name == name && !source.outer->inner.empty()) {
    if (const int r = bpf_map__set_inner_map_fd(map, source.outer->inner.front()); r != 0) {
      return bpf_error(std::string("say what is in ") + name, -r);
    }
  }
  const std::string path = dir + "/" + name;
  if (const int r = bpf_map__set_pin_path(map, path.c_str()); r != 0) {
    return bpf_error("set pin path " + path, -r);
  }
  return {};
}

}  // namespace

namespace {

/// A missing feature, if there is one, is the cause; the verifier's words would be a riddle.
tl::unexpected<base::Error> why_not_loaded(const PinnedProgram::Source& source, int r) {
  const std::string doing = std::string("load XDP program ") + source.program;
  const auto able = check_kernel(source.features);
  if (!able) return base::fail(able.error().code, doing + ": " + able.error().what);
  return bpf_error(doing, -r);
}

}  // namespace

base::Result<PinnedProgram::Object> PinnedProgram::open(
    const Source& source, const std::string& dir
) {
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = source.program;
  Object object(bpf_object__open_mem(source.object.data(), source.object.size(), &options));
  if (!object) return bpf_error(std::string("open XDP program ") + source.program, errno);
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object.get(), map)) != nullptr) {
    FL_TRY(prepare(source, dir, map));
  }
  return object;
}

/// Enters the given maps where others are. False: the array was made for maps of another size.
base::Result<bool> PinnedProgram::fill_outer(const Source& source) {
  if (!source.outer) return true;
  const int fd = map_fd(source.outer->name.c_str());
  for (std::uint32_t i = 0; i < source.outer->inner.size(); ++i) {
    const int inner = source.outer->inner[i];
    std::uint32_t id = 0;
    if (bpf_map_lookup_elem(fd, &i, &id) == 0 && id == map_id(inner)) continue;
    if (bpf_map_update_elem(fd, &i, &inner, BPF_ANY) == 0) continue;
    if (errno == EINVAL) return false;
    return bpf_error("enter map " + std::to_string(i) + " into " + source.outer->name, errno);
  }
  return true;
}

base::Result<void> PinnedProgram::load(const Source& source) {
  FL_ASSIGN(object_, open(source, dir_));
  const bool had_pins = ::access(link_pin_.c_str(), F_OK) == 0;
  int r = bpf_object__load(object_.get());
  if (r == -EINVAL && had_pins) {
    // A pinned map has another layout: make new ones. An object that failed to load is of no
    // further use.
    unpin_maps();
    FL_ASSIGN(object_, open(source, dir_));
    r = bpf_object__load(object_.get());
    maps_renewed_ = true;
  }
  if (r != 0) return why_not_loaded(source, r);
  FL_ASSIGN(const bool filled, fill_outer(source));
  if (filled) return {};
  ::unlink((dir_ + "/" + source.outer->name).c_str());
  FL_ASSIGN(object_, open(source, dir_));
  r = bpf_object__load(object_.get());
  if (r != 0) return why_not_loaded(source, r);
  FL_ASSIGN(const bool refilled, fill_outer(source));
  if (refilled) return {};
  return base::fail(
      base::ErrorCode::kInternal, source.outer->name + ": its maps are of different sizes"
  );
}

base::Result<PinnedProgram> PinnedProgram::attach(
    const Source& source, const std::string& interface, const std::string& dir
) {
  capture_libbpf_messages();
  FL_ASSIGN(const int ifindex, interface_index(interface));
  if (source.binds_sockets) FL_TRY(check_interface(interface));
  FL_TRY(ensure_bpffs(dir));

  PinnedProgram p;
  p.interface_ = interface;
  p.dir_ = dir;
  p.link_pin_ = dir + "/" + source.link_name;
  FL_TRY(p.load(source));
  if (source.fill) FL_TRY(source.fill(p));
  const bpf_program* program = bpf_object__find_program_by_name(p.object_.get(), source.program);
  FL_ASSIGN(p.link_, attach_pinned_xdp(interface, ifindex, bpf_program__fd(program), p.link_pin_));
  FL_ASSIGN(p.mode_, xdp_attach_mode(interface, ifindex));
  return p;
}

int PinnedProgram::map_fd(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

base::Result<void> PinnedProgram::read_counters(const char* map, std::span<XdpCounter> counters)
    const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return bpf_error("count CPUs", -cpus);
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t i = 0; i < counters.size(); ++i) {
    if (bpf_map_lookup_elem(map_fd(map), &i, per_cpu.data()) != 0) {
      return bpf_error(std::string("read ") + map, errno);
    }
    counters[i].packets = std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0});
  }
  return {};
}

void PinnedProgram::unpin_maps() {
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object_.get(), map)) != nullptr) {
    ::unlink((dir_ + "/" + bpf_map__name(map)).c_str());
  }
}

base::Result<void> PinnedProgram::detach() {
  if (bpf_link_detach(link_.fd.get()) != 0) {
    return bpf_error("detach XDP program from " + interface_, errno);
  }
  ::unlink(link_pin_.c_str());
  unpin_maps();
  link_.fd.reset();
  remove_empty_bpffs(dir_);
  return {};
}

}  // namespace fairlead::ebpf
