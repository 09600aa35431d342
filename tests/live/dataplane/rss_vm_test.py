#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""RSS on a real PCI driver: a data plane on virtio-net in an emulated machine, whose indirection table is rewritten as
workers come and go, while packets of 1000 flows arrive. None may be lost and no flow may move.

    namespace: raw socket -- tap, 4 queues -- qemu (TCG, virtio-net with RSS) : fairlead-dataplane, 4 queues, 1 to 4 workers

Usage: rss_vm_test.py BUILD. Skips unless there are qemu-system-x86_64, root, a static busybox (FL_VM_BUSYBOX) and a kernel
with uio_pci_generic for the machine (FL_VM_KERNEL: where a Debian linux-image package was unpacked with dpkg-deb -x).
"""
from __future__ import annotations

import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from lone_node import SKIP, LoneNode, checksum, need_root

FLOWS = 1000
PLUGINS = ["net_virtio", "mempool_ring", "bus_pci", "bus_vdev"]
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
NODE_MAC, GATEWAY_MAC = bytes.fromhex("020000000042"), bytes.fromhex("020000000077")

CONFIG = """node: {{id: vm, address: 10.77.0.1, runtime_dir: /run/vm}}
ports:
  - {{device: "0000:00:02.0", gateway_mac: "02:00:00:00:00:77"}}
workers: {{count: 1, max: 4, cores: [0, 1, 0, 1]}}
memory: {{flows_per_worker: 10000, steering_bank: 1MiB}}
vips:
  - {{name: web, address: 203.0.113.10, protocol: tcp, port: 80, encapsulation: ipip, choices: 1,
     backends: [{{id: b1, address: 10.88.0.1, weight: {0}}}, {{id: b2, address: 10.88.0.2, weight: {1}}}]}}
"""

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu PATH=/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /run
mkdir -p /dev/shm /dev/hugepages /run/vm; mount -t hugetlbfs h /dev/hugepages
insmod /uio.ko; insmod /uio_pci_generic.ko; ip link set lo up
echo uio_pci_generic > /sys/bus/pci/devices/0000:00:02.0/driver_override; echo 0000:00:02.0 > /sys/bus/pci/drivers_probe
publish_table /before.yaml
fairlead-dataplane --config /before.yaml --eal=--iova-mode=pa &
F="fairlead --runtime-dir /run/vm --timeout 20s"
until $F show port > /dev/null 2>&1; do sleep 1; done
$F show port 0 info
echo PHASE begin; sleep 8
publish_table /after.yaml; sleep 2
for n in 2 4 3 1; do echo PHASE $n workers; $F set worker count $n; sleep 5; $F show core; done
$F show port 0 stats
echo PHASE done; sleep 2; poweroff -f
"""


def skip(why: str) -> None:
    print("SKIP:", why)
    sys.exit(SKIP)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_image(build: Path, kernel: Path, busybox: Path, folder: Path) -> tuple[Path, Path]:
    """vmlinuz and an initramfs with the binaries, what they link to, and four of DPDK's plugins."""
    root = folder / "root"
    for name in ("bin", "dev", "proc", "sys", "tmp", "run", "var/run", "lib64", "usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"):
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    (root / "lib").symlink_to("usr/lib")
    binaries = [build / "fairlead-dataplane", build / "fairlead", build / "tests/live/dataplane/publish_table"]
    for binary in binaries:
        run("strip", "-o", str(root / "bin" / binary.name), str(binary))
    plugins = [LIBRARIES / f"librte_{p}.so.23" for p in PLUGINS]
    linked = run("ldd", *map(str, binaries + plugins))
    for library in sorted(set(re.findall(r"=> (/\S+)", linked)) | set(map(str, plugins))):
        shutil.copy(library, root / "usr/lib/x86_64-linux-gnu" / Path(library).name)
    for plugin in PLUGINS:  # links to the one copy: a second one would register twice
        (root / f"usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_{plugin}.so").symlink_to(f"../../librte_{plugin}.so.23")
    shutil.copy("/lib64/ld-linux-x86-64.so.2", root / "lib64")
    for module in ("uio.ko", "uio_pci_generic.ko"):
        shutil.copy(next(kernel.rglob(module)), root)
    (root / "before.yaml").write_text(CONFIG.format(100, 100))
    (root / "after.yaml").write_text(CONFIG.format(1, 10000))
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    image = folder / "initrd"
    subprocess.run(f"find . | {busybox} cpio -o -H newc 2>/dev/null | gzip -1 > {image}", shell=True, check=True, cwd=root)
    return next(kernel.glob("boot/vmlinuz-*")), image


def frame(client: int, flags: int) -> bytes:
    source = socket.inet_aton(f"198.51.{client // 250}.{client % 250 + 1}")
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, socket.inet_aton("203.0.113.10"))
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return NODE_MAC + GATEWAY_MAC + b"\x08\0" + ip + struct.pack(">HHIIBBHHH", 1024 + client, 80, 1, 1, 0x50, flags, 8192, 0, 0)


class Traffic:
    """Sends from the first phase to the last, and notes where each flow's packets come out."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.phase = "boot"
        self.sent = 0
        self.back = 0
        self.backends: dict[int, set[str]] = defaultdict(set)
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self) -> None:
        while True:
            try:
                got = self.raw.recv(2048)
            except TimeoutError:
                continue
            if len(got) >= 74 and got[:6] == GATEWAY_MAC and got[12:14] == b"\x08\0" and got[23] == 4:
                self.back += 1
                self.backends[struct.unpack(">H", got[54:56])[0] - 1024].add(socket.inet_ntoa(got[30:34]))

    def send(self, machine: subprocess.Popen[str], seconds: float) -> None:
        begin = [frame(client, flags) for client in range(FLOWS) for flags in (0x02, 0x10)]
        later = [frame(client, 0x10) for client in range(FLOWS)]
        packets, end = begin, time.monotonic() + seconds
        while machine.poll() is None and time.monotonic() < end:
            if self.phase in ("boot", "PHASE done"):
                time.sleep(0.05)
                continue
            for number, packet in enumerate(packets):
                self.raw.send(packet)
                self.sent += 1
                if number % 8 == 0:
                    time.sleep(0.002)  # an emulated processor takes a few thousand packets a second
            packets = later


def main() -> None:
    need_root()
    build = Path(sys.argv[1]).resolve()
    kernel, busybox = Path(os.environ.get("FL_VM_KERNEL", "")), Path(os.environ.get("FL_VM_BUSYBOX", ""))
    if shutil.which("qemu-system-x86_64") is None:
        skip("no qemu-system-x86_64 (package qemu-system-x86)")
    if not os.environ.get("FL_VM_KERNEL") or not os.environ.get("FL_VM_BUSYBOX"):
        skip("FL_VM_KERNEL (an unpacked linux-image package) and FL_VM_BUSYBOX (busybox-static's) are not set")
    with LoneNode(build, "") as node, tempfile.TemporaryDirectory(prefix="fl_vm_") as folder:
        vmlinuz, image = make_image(build, kernel.resolve(), busybox.resolve(), Path(folder))
        node.in_peer("ip", "tuntap", "add", "fltap", "mode", "tap", "multi_queue")
        node.in_peer("ip", "link", "set", "fltap", "up")
        traffic = Traffic(node.peer_socket("fltap"))
        machine = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{node.peer_ns}", "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi",
             "-cpu", "max", "-smp", "2", "-m", "1024", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
             "-kernel", str(vmlinuz), "-initrd", str(image), "-append", "console=ttyS0 hugepages=128 quiet",
             "-netdev", "tap,id=n0,ifname=fltap,script=no,downscript=no,queues=4,vhost=off", "-device",
             "virtio-net-pci,netdev=n0,mac=02:00:00:00:00:42,mq=on,vectors=10,rss=on,hash=on,romfile=,addr=02.0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        console: list[str] = []

        def watch() -> None:
            assert machine.stdout is not None
            for line in machine.stdout:
                console.append(line)
                if line.startswith("PHASE"):
                    traffic.phase = line.strip()

        threading.Thread(target=watch, daemon=True).start()
        try:
            traffic.send(machine, 200)
        finally:
            machine.kill()
            machine.wait()
        text = "".join(console)
        moved = [client for client, where in traffic.backends.items() if len(where) != 1]
        shares = Counter(next(iter(where)) for where in traffic.backends.values())
        queues = [int(rx.replace(",", "")) for rx in re.findall(r"^ +\d+ +\d+ +([\d,]+) +[\d,]+ +[\d.]+ .iB", text, re.M)]
        print(f"sent {traffic.sent}, back {traffic.back}, moved {len(moved)}, flows by backend {dict(shares)}, by queue {queues}")
        try:
            assert "tcp,udp,ip symmetric" in text and "indirection entries       128" in text, "no RSS"
            assert traffic.back == traffic.sent > 20 * FLOWS, "packets were lost"
            assert len(traffic.backends) == FLOWS and not moved, "flows moved"
            assert min(shares.values()) > FLOWS // 3, "the flows did not begin on both backends"
            assert len(queues) == 4 and min(queues) > FLOWS, "a queue got nothing: the table was not written"
        except AssertionError:
            print(text)
            raise


main()
