# SPDX-License-Identifier: BSD-3-Clause
"""Processes that a lab started: recorded by pid and start time, so that none is forgotten and no stranger is killed."""
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.namespaces import LabError, command_in


@dataclass(frozen=True)
class Process:
    """A started daemon. pid and start_ticks together name a process for good: pids come again, start times do not."""
    name: str
    host: str
    pid: int
    start_ticks: int
    command: list[str]
    log: str

    def alive(self) -> bool:
        # 0: it had ended before its start was read. No process has that, so it would be equal for ever.
        return self.start_ticks != 0 and start_ticks(self.pid) == self.start_ticks


def start_ticks(pid: int) -> int:
    """Field 22 of /proc/PID/stat; 0 when there is no such process or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    fields = text.rsplit(")", 1)[1].split()
    return 0 if fields[0] == "Z" else int(fields[19])


class Processes:
    """The record of a lab's processes, kept in a file that is rewritten at every change."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._all: list[Process] = []
        if file.exists():
            self._all = [Process(**p) for p in json.loads(file.read_text(encoding="utf-8"))]

    def start(self, name: str, host: str, namespace: str, command: list[str], log: Path, nice: int = 0) -> Process:
        """`nice` below 0: goes before what else runs on the core."""
        log.parent.mkdir(parents=True, exist_ok=True)
        if nice:
            command = ["nice", "-n", str(nice), *command]
        with open(log, "ab") as output:
            child = subprocess.Popen(command_in(namespace, *command), stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=output, start_new_session=True, close_fds=True)
        if nice:
            _set_group_nice(child.pid, nice)
        process = Process(name, host, child.pid, start_ticks(child.pid), command, str(log))
        self._all.append(process)
        self._save()
        return process

    def adopt(self, name: str, host: str, pid: int) -> None:
        """Records a process that somebody else started in the place of one of ours; does nothing if it is recorded or gone."""
        if any(p.pid == pid and p.alive() for p in self._all) or start_ticks(pid) == 0:
            return
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        command = [word.decode(errors="replace") for word in words if word]
        self._all.append(Process(name, host, pid, start_ticks(pid), command, ""))
        self._save()

    def find(self, host: str, name: str | None = None) -> list[Process]:
        return [p for p in self._all if p.host == host and (name is None or p.name == name) and p.alive()]

    def all(self) -> list[Process]:
        return list(self._all)

    def signal(self, host: str, name: str, number: signal.Signals) -> int:
        """Sends a signal to the host's processes of that name; returns to how many."""
        found = self.find(host, name)
        for process in found:
            os.kill(process.pid, number)
        return len(found)

    def wait_gone(self, host: str, name: str, seconds: float = 5) -> None:
        wait_until(lambda: not self.find(host, name), seconds, f"{host}: {name} did not end")

    def stop(self, chosen: list[Process], grace_s: float) -> None:
        """SIGTERM, then SIGKILL for what is still there after grace_s (0: SIGKILL at once)."""
        living = [p for p in chosen if p.alive()]
        for process in living:
            _kill(process, signal.SIGTERM if grace_s > 0 else signal.SIGKILL)
        deadline = time.monotonic() + grace_s
        while any(p.alive() for p in living) and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in living:
            if process.alive():
                _kill(process, signal.SIGKILL)
        wait_until(lambda: not any(p.alive() for p in living), 5, "processes did not end after SIGKILL")
        gone = {(p.pid, p.start_ticks) for p in living}
        self._all = [p for p in self._all if (p.pid, p.start_ticks) not in gone and p.alive()]
        self._save()

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(p) for p in self._all], indent=1), encoding="utf-8")
        fresh.replace(self._file)


def _set_group_nice(pid: int, nice: int) -> None:
    """Where the kernel shares cores by session (autogroups), the niceness of a process counts within its session only."""
    try:
        Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="ascii")
    except OSError:
        pass  # no autogroups: the process's own niceness counts


def _kill(process: Process, number: signal.Signals) -> None:
    """The process and what it started: each leads a process group of its own, but for adopted ones."""
    try:
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        pass


def wait_until(condition: Callable[[], bool], seconds: float, message: str) -> None:
    """Polls until the condition holds; LabError with `message` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{message} (waited {seconds:g} s)")
        time.sleep(0.03)
