#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The systemd units are such as systemd understands, and run programs and options that there are.

usage: systemd_test.py BUILD_DIR UNITS_DIR; exit status 77: no systemd-analyze.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def problems(build: Path, units: Path) -> list[str]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for unit in sorted(units.glob("*.service")):
            # As installed, but from the build directory; the manual is installed later.
            text = unit.read_text().replace("/usr/local/bin", str(build)).replace("Documentation=man:fairlead(1)\n", "")
            (Path(folder) / unit.name).write_text(text)
            for line in re.findall(r"^Exec\w+=[-+]?(\S+)(.*)$", text, re.MULTILINE):
                found += [f"{unit.name}: {option} is no option of {line[0]}" for option in unknown_options(*line)]
        run = subprocess.run(["systemd-analyze", "verify", *sorted(map(str, Path(folder).glob("*.service")))],
                             capture_output=True, text=True)
        found += [line for line in (run.stdout + run.stderr).splitlines() if line.startswith("fairlead-") or "Unknown" in line]
    return found


def unknown_options(program: str, arguments: str) -> list[str]:
    options = re.findall(r"--[a-z-]+", arguments)
    if not options or "fairlead" not in program:
        return []
    usage = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    return [option for option in options if option not in usage]


def main() -> int:
    if shutil.which("systemd-analyze") is None:
        return 77
    found = problems(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    print("\n".join(found) if found else "all units are good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
