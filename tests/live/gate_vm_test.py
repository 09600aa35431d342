#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The XDP programs on Debian 12's own kernel (Linux 6.1), which a development machine may not run, and on devices that it may not have:
the tests of the programs, and fairlead-control on a bond, a VLAN device, a device with XDP of its own and one without.

Usage: gate_vm_test.py BUILD. Skips unless there are qemu-system-x86_64, a static busybox (FL_VM_BUSYBOX) and a kernel for the machine
(FL_VM_KERNEL: where a Debian linux-image package was unpacked with dpkg-deb -x).
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIP = 77
SECONDS = 280  # emulated: the verifier takes a minute in all
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
# Not second_chance_test: it sets addresses by the shell's `ip`, and busybox prefers its own, which knows no nodad.
PROGRAM_TESTS = ["unit/ebpf/ebpf_requirements_test", "unit/ebpf/ebpf_gate_program_test", "unit/ebpf/ebpf_decap_program_test",
                 "unit/ebpf/ebpf_gate_lifecycle_test", "packet/gate_table_test",
                 "packet/gate_short_way_test", "packet/gate_peers_test"]
# In the order of their dependences; a package may have some of them in the kernel itself.
MODULES = ["llc", "stp", "mrp", "garp", "8021q", "tls", "bonding", "dummy", "veth"]
# device: what control says of it
DEVICES = {"bond0": "bond0 is a bond", "veth0.7": "veth0.7 is a VLAN device", "veth0": "native", "dummy0": "generic"}

CONFIG = """node: {{id: vm, address: 10.77.0.1, runtime_dir: /run/vm, interface: {device}}}
monitoring: {{listen: off}}
metrics: {{listen: off}}
memory: {{hugepages: off, steering_bank: 1MiB, flows_per_worker: 10000}}
vips:
  - {{name: web, address: 203.0.113.10, protocol: tcp, port: 80, encapsulation: ipip, health: {{type: none}},
     backends: [{{id: b1, address: 10.88.0.1}}]}}
"""

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu PATH=/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /run; mount -t tmpfs t /tmp
for module in {modules}; do insmod /$module.ko 2> /dev/null; done
ip link set lo up
ip link add veth0 numrxqueues 4 numtxqueues 4 type veth peer name veth1
ip link add link veth0 name veth0.7 type vlan id 7
ip link add bond0 type bond
ip link add dummy0 type dummy
for device in veth0 veth1 bond0 dummy0 veth0.7; do ip link set $device up; done
uname -r
for device in {devices}; do
  echo "DEVICE $device"
  fairlead-control --config /$device.yaml > /run/log 2>&1 &
  for turn in $(seq 90); do
    fairlead --runtime-dir /run/vm --json show status > /run/status 2> /dev/null && break
    kill -0 $! 2> /dev/null || break
    sleep 1
  done
  cat /run/log /run/status; : > /run/status
  kill $! 2> /dev/null; wait $!
  fairlead-control --unload --config /$device.yaml
  echo "LEFT programs $(bpftool prog show | grep -c xdp) maps $(bpftool map show | grep -c fl_) mounts $(grep -c ' bpf ' /proc/mounts)"
done
for test in {tests}; do echo "TEST $test"; $test > /run/out 2>&1; echo "STATUS $?"; grep -E "FAILED|PASSED|Failure" /run/out | head -20; done
echo DONE
poweroff -f
"""


def skip(why: str) -> None:
    print("SKIP:", why)
    sys.exit(SKIP)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_image(build: Path, kernel: Path, busybox: Path, folder: Path) -> tuple[Path, Path]:
    """vmlinuz and an initramfs with the binaries and what they link to."""
    root = folder / "root"
    for name in ("bin", "dev", "proc", "sys", "tmp", "run", "lib64", "usr/lib/x86_64-linux-gnu"):
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    (root / "lib").symlink_to("usr/lib")
    binaries = [build / "fairlead-control", build / "fairlead"] + [build / "tests" / test for test in PROGRAM_TESTS]
    for binary in binaries:
        run("strip", "-o", str(root / "bin" / binary.name), str(binary))
    tools = [Path(shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin") or tool) for tool in ("ip", "bpftool")]
    for tool in tools:
        shutil.copy(tool, root / "bin" / tool.name)
    linked = run("ldd", *map(str, binaries + tools))
    for library in sorted(set(re.findall(r"=> (/\S+)", linked))):
        shutil.copy(library, root / "usr/lib/x86_64-linux-gnu" / Path(library).name)
    shutil.copy("/lib64/ld-linux-x86-64.so.2", root / "lib64")
    for module in MODULES:
        for found in kernel.rglob(f"{module}.ko"):
            shutil.copy(found, root)
    for device in DEVICES:
        (root / f"{device}.yaml").write_text(CONFIG.format(device=device))
    (root / "init").write_text(INIT.format(modules=" ".join(MODULES), devices=" ".join(DEVICES), tests=" ".join(Path(t).name for t in PROGRAM_TESTS)))
    (root / "init").chmod(0o755)
    image = folder / "initrd"
    subprocess.run(f"find . | {busybox} cpio -o -H newc 2>/dev/null | gzip -1 > {image}", shell=True, check=True, cwd=root)
    return next(kernel.glob("boot/vmlinuz-*")), image


def judge(text: str) -> None:
    assert "DONE" in text, "the machine did not come to the end"
    parts = re.split(r"^DEVICE (\S+)\s*$", text.split("TEST ")[0], flags=re.M)
    said = dict(zip(parts[1::2], parts[2::2]))
    for device, words in DEVICES.items():
        assert words in said.get(device, ""), f"{device}: not said: {words}"
        refused = " is a " in words
        assert ('"mode":"none"' in said[device].replace(" ", "")) == refused, f"{device}: control must work, with or without a gate"
        assert "LEFT programs 0 maps 0 mounts 0" in said[device], f"{device}: something is left"
    states = re.findall(r"^TEST (\S+)\s*\n(?:.*\n)*?STATUS (\d+)", text, flags=re.M)
    assert [name for name, _ in states] == [Path(t).name for t in PROGRAM_TESTS], f"ran: {states}"
    failed = [name for name, status in states if status != "0"]
    assert not failed, f"failed: {failed}"


def main() -> None:
    build = Path(sys.argv[1]).resolve()
    if shutil.which("qemu-system-x86_64") is None:
        skip("no qemu-system-x86_64 (package qemu-system-x86)")
    if not os.environ.get("FL_VM_KERNEL") or not os.environ.get("FL_VM_BUSYBOX"):
        skip("FL_VM_KERNEL (an unpacked linux-image package) and FL_VM_BUSYBOX (busybox-static's) are not set")
    kernel, busybox = Path(os.environ["FL_VM_KERNEL"]).resolve(), Path(os.environ["FL_VM_BUSYBOX"]).resolve()
    with tempfile.TemporaryDirectory(prefix="fl_vm_") as folder:
        vmlinuz, image = make_image(build, kernel, busybox, Path(folder))
        console = Path(folder) / "console"
        machine = [
             "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048", "-nographic",
             "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel", str(vmlinuz), "-initrd", str(image), "-append",
             "console=ttyS0 quiet no_timer_check panic=1"]
        try:
            with console.open("wb") as out:
                subprocess.run(machine, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pass  # judge() tells how far it came
        text = console.read_text(errors="replace").replace("\r", "")
    try:
        judge(text)
    except AssertionError:
        print(text[-20000:])
        raise
    print("passed on Linux", *re.findall(r"^6\.\d+\S+", text, re.M))


main()
