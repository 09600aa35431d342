# SPDX-License-Identifier: BSD-3-Clause
"""Command lines of the lab: every argument is checked before anything is made; bad input is one line and status 2."""
import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

POLICIES = ["static", "wrr", "wlc", "latency", "prequal", "adaptive", "eg", "actor-critic"]


class OneLineParser(argparse.ArgumentParser):
    """Bad input is one line and exit status 2."""

    def error(self, message: str) -> NoReturn:
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
        self.exit(2, f"{self.prog}: {line}; see {self.prog} --help\n")


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"0|[1-9][0-9]{0,17}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
        return int(text)
    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {least:g} to {most:g}")
        return value
    return parse


def lab_name(text: str) -> str:
    """Part of names of namespaces, folders and interfaces."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,23}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a lab's name: 1 to 24 of a-z, 0-9 and -")
    return text


def output_file(text: str) -> Path:
    """A file that can be written later; its folder is there or can be made."""
    path = Path(text)
    if not text or path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a folder, name a file")
    return path


def output_folder(text: str) -> Path:
    path = Path(text)
    if not text or (path.exists() and not path.is_dir()):
        raise argparse.ArgumentTypeError(f"'{text}' is no folder, name one that can be made")
    return path


RATE = number(0.1, 100_000)
SECONDS = number(1, 86_400)
CHECK_SECONDS = number(6, 3600)  # a check's steps need their time
SEED = whole(0, 10**18)
FACTOR = number(0.01, 100)
