# SPDX-License-Identifier: BSD-3-Clause
"""The load generator of a lab, started in the client's namespace."""
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from labkit.fleet import Fleet
from labkit.namespaces import command_in
from labkit.plan import CLIENT4, CLIENT6, VIP4, VIP6, VIP_PORT


class Load:
    """A running generator; `status` is its latest line (fields: tests/lab/request_log.hh)."""

    def __init__(self, fleet: Fleet, rate: float, seconds: float, csv: Path, seed: int, v6_share: float = 0.1,
                 arrivals: str = "poisson") -> None:
        csv.parent.mkdir(parents=True, exist_ok=True)
        self.csv = csv
        self.seconds = seconds
        self.status: dict[str, Any] = {}
        command = [str(fleet.build / "tests/lab/lab-load"), "--target", f"{VIP4}:{VIP_PORT}",
                   "--target", f"[{VIP6}]:{VIP_PORT}", "--v6-share", str(v6_share),
                   "--source4", CLIENT4[0], "--source6", CLIENT6[0], "--source-count", str(len(CLIENT4)),
                   "--rate", str(rate), "--seconds", str(seconds), "--arrivals", arrivals, "--seed", str(seed),
                   "--csv", str(csv)]
        # A child of ours in our session: Ctrl-C reaches it too, and it cannot outlive the pipe for long.
        self._child = subprocess.Popen(command_in(fleet.plan.namespace("client"), *command), stdout=subprocess.PIPE,
                                       text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.status = json.loads(line)

    def running(self) -> bool:
        return self._child.poll() is None

    def finish(self) -> int:
        """Waits for the last answers (time-out included); returns the exit status."""
        status = self._child.wait(timeout=self.seconds + 30)
        self._reader.join(timeout=5)
        return status

    def stop(self) -> None:
        if self.running():
            self._child.terminate()
            try:
                self._child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
