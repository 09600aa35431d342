#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A long run shows a bar that grows on a terminal, wipes it at the end, and writes none into a pipe.

usage: progress_test.py FAIRLEAD_SIM
"""
import os
import pty
import re
import subprocess
import sys
import tempfile
import unittest

SIM = sys.argv.pop(1)


def on_a_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen([SIM, *arguments], stdout=subprocess.DEVNULL, stderr=theirs) as run:
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the last writer has gone
                break
            if not piece:
                break
            text += piece
    os.close(ours)
    assert run.returncode == 0, text
    return text.decode()


class Progress(unittest.TestCase):
    def grows_and_goes(self, text: str, least_steps: int) -> None:
        shown = [int(p) for p in re.findall(r"\r\[[#.]{40}\] +(\d+) %", text)]
        self.assertGreaterEqual(len(shown), least_steps)
        self.assertEqual(shown, sorted(shown))
        self.assertGreaterEqual(shown[-1], 98)
        self.assertRegex(text, r"\r +\r$")
        for cells, percent in re.findall(r"\[([#.]{40})\] +(\d+) %", text):
            self.assertAlmostEqual(cells.count("#"), int(percent) * 40 / 100, delta=1)

    def test_a_run(self) -> None:
        self.grows_and_goes(on_a_terminal("--scenario", "homog", "--duration", "10s"), 95)

    def test_a_comparison(self) -> None:
        self.grows_and_goes(on_a_terminal("compare", "adaptive", "--scenario", "homog", "--seeds", "3", "--duration", "1s"), 10)

    def test_quiet_and_pipes_show_none(self) -> None:
        self.assertEqual(on_a_terminal("--scenario", "homog", "--duration", "1s", "--quiet"), "")
        done = subprocess.run([SIM, "--scenario", "homog", "--duration", "1s"], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")

    def test_what_is_written_does_not_depend_on_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            on_a_terminal("--scenario", "mixed", "--duration", "1s", "--out", folder + "/a")
            subprocess.run([SIM, "--scenario", "mixed", "--duration", "1s", "--out", folder + "/b", "--quiet"], check=True)
            for name in ("decisions.csv", "report.json"):
                with open(f"{folder}/a/{name}", "rb") as a, open(f"{folder}/b/{name}", "rb") as b:
                    self.assertEqual(a.read(), b.read())


if __name__ == "__main__":
    unittest.main(verbosity=1)
