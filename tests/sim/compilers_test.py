#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same seed gives the same bytes whether g++ or clang++ built the simulator.

usage: compilers_test.py FAIRLEAD_SIM BUILD_DIR. Builds the simulator's own objects with the other compiler, by the commands that ninja
has for them, in a folder of its own. Skips (77) where the other compiler is missing.
"""
import concurrent.futures
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = [("--scenario", s, "--policy", p, "--duration", "3s", "--seed", "11") for s, p in (
    ("mixed", "adaptive"), ("mixed", "eg"), ("antag", "actor-critic"), ("gray", "prequal"), ("crash", "peak-ewma"), ("flash", "wrr"),
    ("bursty", "jiq"), ("diurnal", "jsq"), ("lies", "latency"), ("node-death", "utilisation-law"))]


def other_compiler(command: list[str]) -> dict[str, str]:
    """By what the build calls its C and C++ compilers: the other family's."""
    version = subprocess.run([command[0], "--version"], check=True, capture_output=True, text=True).stdout
    return {"c": "gcc", "cc": "g++"} if "clang" in version else {"c": "clang", "cc": "clang++"}


def translated(words: list[str], compilers: dict[str, str], out: Path) -> list[str]:
    """A compile command for the other compiler: no dependency files, no debug information, no opinion about warnings."""
    words = words[1:] if Path(words[0]).name == "ccache" else words
    source = words[words.index("-c") + 1]
    made = [compilers["c" if source.endswith(".c") else "cc"]]
    if shutil.which("ccache"):
        made.insert(0, "ccache")
    skip = 0
    for word in words[1:]:
        if skip:
            skip -= 1
        elif word in ("-MQ", "-MF", "-o"):
            skip = 1
        elif word not in ("-MD", "-g", "-Werror") and not word.startswith("-W"):
            made.append(word)
    return [*made, "-w", "-o", str(out / words[words.index("-o") + 1])]


def build(directory: Path, out: Path) -> Path:
    listed = subprocess.run(["ninja", "-C", str(directory), "-t", "commands", "fairlead-sim"], check=True, capture_output=True, text=True)
    compiles, archives, link = [], [], []
    for line in listed.stdout.splitlines():
        words = shlex.split(line)
        if "-c" in words:
            compiles.append(words)
        elif "ar" in line.split("&&")[-1].split()[0] and ".a" in line:
            archives.append(shlex.split(line.split("&&")[-1]))
        elif "-o" in words and words[words.index("-o") + 1] == "fairlead-sim":
            link = words
    first = compiles[0][1:] if Path(compiles[0][0]).name == "ccache" else compiles[0]
    compilers = other_compiler(first)
    if not shutil.which(compilers["cc"]):
        print(f"skipped: no {compilers['cc']}")
        sys.exit(77)
    commands = [translated(words, compilers, out) for words in compiles]
    for command in commands:
        Path(command[-1]).parent.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda command: subprocess.run(command, check=True, cwd=directory), commands))
    for words in archives:
        files = [str(out / w) for w in words if w.endswith((".o", ".a"))]
        Path(files[0]).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ar", "csrD", *files], check=True)
    mine = [str(out / w) if (out / w).exists() and not w.startswith(("-", "/")) else w for w in link[1:]]
    mine[mine.index("-o") + 1] = str(out / "fairlead-sim")
    subprocess.run([compilers["cc"], *mine], check=True, cwd=directory)
    return out / "fairlead-sim"


def digest(sim: Path, arguments: tuple[str, ...], folder: Path) -> str:
    subprocess.run([sim, *arguments, "--quiet", "--out", folder / "o", "--plot", folder / "p.svg", "--policy-log", folder / "log"],
                   check=True)
    files = (folder / "o/decisions.csv", folder / "o/report.json", folder / "p.svg", folder / "log")
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


def main() -> int:
    ours, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    os.environ.pop("NINJA_STATUS", None)
    different = []
    with tempfile.TemporaryDirectory() as folder:
        theirs = build(directory, Path(folder) / "build")
        for arguments in RUNS:
            if digest(ours, arguments, Path(folder)) != digest(theirs, arguments, Path(folder)):
                different.append(" ".join(arguments))
    print("different bytes: " + "; ".join(different) if different else f"{len(RUNS)} runs, the same bytes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
