# SPDX-License-Identifier: BSD-3-Clause
"""Watches a node's shared memory: how long after publication its worker acknowledged a generation.

Reads the regions of dataplane/steer/abi.h from outside, as any observer could. A lab node has one worker.
"""
import mmap
import struct
import threading
import time
from pathlib import Path

LINE = 64
CURRENT = LINE                # of `steering`: u64 generation, u64 published_ns
FIRST_ACK = 2 * LINE          # of `workers`: u64 ack, the first word of the first worker's page
POLL_S = 0.0002


class AckWatch:
    """Polls a node's regions in a thread until stop(). Delays are upper bounds: they include our own poll interval."""

    def __init__(self, runtime_dir: str) -> None:
        self._steering = _map(Path(runtime_dir, "steering"), 2 * LINE)
        self._workers = _map(Path(runtime_dir, "workers"), 3 * LINE)
        self.delays_ms: list[float] = []
        self.unacknowledged = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        seen = self._current()[0]
        while not self._end.is_set():
            generation, published_ns = self._current()
            if generation == seen:
                time.sleep(POLL_S)
                continue
            seen = generation
            self._follow(generation, published_ns)

    def _follow(self, generation: int, published_ns: int) -> None:
        deadline = published_ns + 1_000_000_000
        while time.monotonic_ns() < deadline:
            if struct.unpack_from("<Q", self._workers, FIRST_ACK)[0] >= generation:
                self.delays_ms.append((time.monotonic_ns() - published_ns) / 1e6)
                return
            time.sleep(POLL_S)
        self.unacknowledged += 1

    def _current(self) -> tuple[int, int]:
        generation, published_ns = struct.unpack_from("<QQ", self._steering, CURRENT)
        return generation, published_ns


def _map(file: Path, length: int) -> mmap.mmap:
    with open(file, "rb") as region:
        return mmap.mmap(region.fileno(), length, prot=mmap.PROT_READ)
