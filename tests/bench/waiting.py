# SPDX-License-Identifier: BSD-3-Clause
"""Waiting for a program that a benchmark has started."""

import time


def wait_for(what: str, condition, seconds: float = 60, pause: float = 0.005):
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except OSError:
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)
