#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The prompt on a pseudo-terminal: editing, completion, ?, history, Ctrl-C, watch.

Usage: prompt_test.py FAIRLEAD
"""

import os
import pathlib
import pty
import select
import signal
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fake_daemon import FakeNode  # noqa: E402

PROGRAM = sys.argv.pop(1)
PATIENCE_S = 20
PROMPT = "fairlead> "


class Terminal:
    """A fairlead at a prompt."""

    def __init__(self, directory, home):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"HOME": home, "TERM": "vt100"})
            os.execv(PROGRAM, [PROGRAM, "--runtime-dir", directory])

    def wait_for(self, text):
        """What came up to and with `text`, which must come in time."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} did not come; there is {self.seen!r}")
            try:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
            except OSError as error:
                raise AssertionError(f"ended before {text!r}: {self.seen!r}") from error
        before, self.seen = self.seen.split(text, 1)
        return before + text

    def prompt(self):
        """Waits for the prompt and until keys are keys: libedit prints the prompt before it takes
        the terminal out of line mode, and a Ctrl-D in between would be lost."""
        self.wait_for(PROMPT)
        deadline = time.monotonic() + PATIENCE_S
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            if time.monotonic() > deadline:
                raise AssertionError("the terminal stays in line mode")
            time.sleep(0.001)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Waits for the end of the program; its exit status."""
        deadline = time.monotonic() + PATIENCE_S
        try:
            while select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                os.read(self.fd, 65536)
            os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass  # the other side is closed
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class PromptTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fairlead-prompt-")
        self.addCleanup(temporary.cleanup)
        self.home = temporary.name
        self.directory = os.path.join(self.home, "lb1")
        self.node = FakeNode(self.directory)
        self.terminal = Terminal(self.directory, self.home)
        self.terminal.prompt()

    def leave(self):
        self.terminal.type("quit\r")
        self.assertEqual(self.terminal.end(), 0)

    def test_runs_commands_and_survives_mistakes(self):
        self.terminal.type("shwo vip\r")
        self.terminal.wait_for("error: unknown command 'shwo', did you mean 'show'?")
        self.terminal.prompt()
        self.terminal.type("show vip | count\r")
        self.terminal.wait_for("\n1\r\n")
        self.terminal.prompt()
        self.leave()

    def test_tab_completes_words_and_names(self):
        self.terminal.type("dr\t\tb1\r")
        self.terminal.wait_for("OK b1: draining")
        self.terminal.prompt()
        self.terminal.type("show table \t\r")
        self.terminal.wait_for("slots moved last")
        self.terminal.prompt()
        self.leave()

    def test_question_mark_lists_what_may_follow(self):
        self.terminal.type("set backend b1 ?")
        self.terminal.wait_for("vip")
        self.terminal.wait_for("weight")
        self.terminal.prompt()
        self.terminal.type("weight ?")
        self.terminal.wait_for("0 to 10000")
        self.terminal.type("7\r")
        self.terminal.wait_for("OK b1: weight 7")
        self.terminal.prompt()
        self.leave()

    def test_ctrl_c_clears_the_line_and_ends_a_watch(self):
        self.terminal.type("drain backend b1\x03show vip | count\r")
        self.terminal.wait_for("\n1\r\n")
        self.assertNotIn("drain backend", [r["command"] for r in self.node.requests])
        self.terminal.prompt()
        self.terminal.type("show vip | watch 100ms\r")
        self.terminal.wait_for("203.0.113.10")
        self.terminal.wait_for("203.0.113.10")
        self.terminal.type("\x03")
        self.terminal.prompt()
        self.leave()

    def test_history_is_kept(self):
        self.terminal.type("show vip | count\r")
        self.terminal.wait_for("\n1\r\n")
        self.terminal.prompt()
        self.leave()
        self.terminal = Terminal(self.directory, self.home)
        self.terminal.prompt()
        self.terminal.type("\x10\x10\r")  # Ctrl-P twice: over "quit" to the line before
        self.terminal.wait_for("\n1\r\n")
        self.terminal.prompt()
        self.terminal.type("\x04")  # end of input
        self.assertEqual(self.terminal.end(), 0)


if __name__ == "__main__":
    unittest.main()
