# SPDX-License-Identifier: BSD-3-Clause
"""How fast a node's workers follow a decision: from control's own log, which alone knows when it decided, with the shared
memory as the witness that they did (regions of dataplane/steer/abi.h, as any observer could read them)."""
import ctypes
import mmap
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

LINE = 64
CURRENT = LINE                # of `steering`: u64 generation
FIRST_ACK = 2 * LINE          # of `workers`: u64 ack, the first word of the first worker's page. A lab node has one worker

PUBLISHED = re.compile(r"published generation=(\d+) .*decision_to_publish=([\d.]+)ms")
ACKNOWLEDGED = re.compile(r"acknowledged generation=(\d+) decision_to_acknowledge=([\d.]+)ms")
_SYS_BPF, _BPF_OBJ_GET = 321, 7  # x86-64, linux/bpf.h


@dataclass
class Followed:
    """Generations of one node: milliseconds from the decision."""
    published_ms: dict[int, float]
    acknowledged_ms: dict[int, float]
    generations: int = 0  # counted in shared memory
    behind: int = 0       # generations by which the worker is behind

    @property
    def never(self) -> list[int]:
        """Published, and not acknowledged by every worker."""
        return sorted(set(self.published_ms) - set(self.acknowledged_ms))


def read_log(text: str) -> Followed:
    """Pure: the lines of a control daemon's log."""
    return Followed({int(g): float(ms) for g, ms in PUBLISHED.findall(text)},
                    {int(g): float(ms) for g, ms in ACKNOWLEDGED.findall(text)})


class FollowWatch:
    """What a node decides from now on."""

    def __init__(self, log: Path, runtime_dir: str) -> None:
        self._log, self._begin = log, log.stat().st_size
        self._steering = _map(Path(runtime_dir, "steering"), 2 * LINE)
        self._workers = _map(Path(runtime_dir, "workers"), 3 * LINE)
        self._first = self._generation()

    def read(self) -> Followed:
        with open(self._log, "rb") as log:
            log.seek(self._begin)
            followed = read_log(log.read().decode(errors="replace"))
        now = self._generation()
        followed.generations = now - self._first
        followed.behind = now - struct.unpack_from("<Q", self._workers, FIRST_ACK)[0]
        return followed

    def _generation(self) -> int:
        generation: int = struct.unpack_from("<Q", self._steering, CURRENT)[0]
        return generation


def _map(file: Path, length: int) -> mmap.mmap:
    pin = file.parent / "bpf" / file.name
    if pin.exists():  # the node has a gate: its regions are BPF maps
        fd = _open_pin(pin)
        try:
            return mmap.mmap(fd, length, prot=mmap.PROT_READ)
        finally:
            os.close(fd)
    with open(file, "rb") as region:
        return mmap.mmap(region.fileno(), length, prot=mmap.PROT_READ)


def _open_pin(pin: Path) -> int:
    """bpf(BPF_OBJ_GET): a descriptor of a pinned map."""
    path = ctypes.create_string_buffer(os.fsencode(pin))
    attributes = struct.pack("<QII", ctypes.addressof(path), 0, 0)
    fd: int = ctypes.CDLL(None, use_errno=True).syscall(_SYS_BPF, _BPF_OBJ_GET, attributes, len(attributes))
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"open {pin}")
    return fd
