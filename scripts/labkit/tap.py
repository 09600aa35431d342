# SPDX-License-Identifier: BSD-3-Clause
"""Packets as a host's interface has them, with the kernel's times: an AF_PACKET socket with a filter in the kernel."""
import ctypes
import ipaddress
import select
import socket
import struct
import time
from dataclasses import dataclass

from labkit.namespaces import LabError, entered
from labkit.plan import VIP4, VIP6

ETH_P_ALL = 3
SO_TIMESTAMPNS, SO_ATTACH_FILTER, SO_RCVBUFFORCE = 35, 26, 33
ROOM = 16 << 20
SNAP = 96
# Classic BPF.
LOAD_WORD, LOAD_HALF, LOAD_BYTE, EQUAL, RETURN = 0x20, 0x28, 0x30, 0x15, 0x06
VIPS = (ipaddress.ip_address(VIP4).packed, ipaddress.ip_address(VIP6).packed)


@dataclass(frozen=True)
class Packet:
    """CLOCK_REALTIME microseconds, and the first bytes of the frame."""
    time_us: int
    head: bytes

    @property
    def destination_mac(self) -> str:
        return self.head[:6].hex(":")

    @property
    def source_mac(self) -> str:
        return self.head[6:12].hex(":")

    @property
    def for_vip(self) -> bool:
        return self.head[30:34] == VIPS[0] or self.head[38:54] == VIPS[1]


def of_host(mac: str) -> list[tuple[int, int, int, int]]:
    """Frames from and to this host."""
    last_four = int(mac.replace(":", "")[4:], 16)
    return [(LOAD_WORD, 0, 0, 2), (EQUAL, 2, 0, last_four), (LOAD_WORD, 0, 0, 8), (EQUAL, 0, 1, last_four),
            (RETURN, 0, 0, SNAP), (RETURN, 0, 0, 0)]


def of_datagrams(address: str) -> list[tuple[int, int, int, int]]:
    """UDP to this IPv4 address."""
    to = int(ipaddress.IPv4Address(address))
    return [(LOAD_HALF, 0, 0, 12), (EQUAL, 0, 5, 0x0800), (LOAD_WORD, 0, 0, 30), (EQUAL, 0, 3, to),
            (LOAD_BYTE, 0, 0, 23), (EQUAL, 0, 1, socket.IPPROTO_UDP), (RETURN, 0, 0, SNAP), (RETURN, 0, 0, 0)]


class Tap:
    """Listens from its making on; `with` ends it."""

    def __init__(self, namespace: str, interface: str, chosen: list[tuple[int, int, int, int]]) -> None:
        with entered(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        code = b"".join(struct.pack("HBBI", *row) for row in chosen)
        self._code = ctypes.create_string_buffer(code)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                struct.pack("HL", len(chosen), ctypes.addressof(self._code)))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.setblocking(False)

    def __enter__(self) -> "Tap":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def read(self) -> list[Packet]:
        """All that came until now."""
        found = []
        while True:
            try:
                head, more, _, _ = self._socket.recvmsg(SNAP, 64)
            except BlockingIOError:
                return found
            seconds, nanoseconds = struct.unpack("qq", more[0][2][:16])
            found.append(Packet(seconds * 1_000_000 + nanoseconds // 1000, head))

    def wait(self, count: int, seconds: float) -> list[Packet]:
        """The next packets, so many at least, or LabError."""
        end = time.monotonic() + seconds
        found = self.read()
        while len(found) < count:
            if time.monotonic() > end:
                raise LabError(f"{len(found)} of {count} packets within {seconds:g} s")
            select.select([self._socket], [], [], 0.1)
            found += self.read()
        return found
