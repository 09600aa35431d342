// SPDX-License-Identifier: BSD-3-Clause
// Loads, attaches and pins the program that sees threads end.
#include "ebpf/exit_watch.hh"

#include <cerrno>
#include <memory>

#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ebpf/bpffs.hh"
#include "ebpf/exits.skel.h"

namespace fairlead::ebpf {
namespace {

struct Destroy {
  void operator()(exits_bpf* program) const { exits_bpf__destroy(program); }
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

std::string pin_of(const std::string& bpffs_dir) {
  return bpffs_dir + "/exits_link";
}

}  // namespace

base::Result<void> watch_exits(int workers, const std::string& bpffs_dir) {
  capture_libbpf_messages();
  struct stat space {};
  if (::stat("/proc/self/ns/pid", &space) != 0) return bpf_error("read /proc/self/ns/pid", errno);
  const std::unique_ptr<exits_bpf, Destroy> program(exits_bpf__open());
  if (!program) return bpf_error("open BPF program fl_note_exit", errno);
  program->rodata->fl_pid_namespace_device = space.st_dev;
  program->rodata->fl_pid_namespace_inode = space.st_ino;
  if (const int r = bpf_map__reuse_fd(program->maps.fl_worker_lines, workers); r != 0) {
    return bpf_error("share map fl_worker_lines", -r);
  }
  if (const int r = exits_bpf__load(program.get()); r != 0) {
    return bpf_error("load BPF program fl_note_exit", -r);
  }
  const std::unique_ptr<bpf_link, Destroy> link(bpf_program__attach(program->progs.fl_note_exit));
  if (!link) return bpf_error("attach BPF program fl_note_exit", errno);
  const std::string pin = pin_of(bpffs_dir);
  ::unlink(pin.c_str());  // its predecessor's; what it watched may be a region that is no more
  if (const int r = bpf_link__pin(link.get(), pin.c_str()); r != 0) {
    return bpf_error("pin " + pin, -r);
  }
  return {};
}

void unwatch_exits(const std::string& bpffs_dir) {
  ::unlink(pin_of(bpffs_dir).c_str());
}

}  // namespace fairlead::ebpf
