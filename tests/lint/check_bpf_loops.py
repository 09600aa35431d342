#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Linux 6.1 refuses a program in which a loop's last instruction falls through into its first one ("back-edge from insn"): clang lays
some loops out so, and newer kernels take them. Walks each function as that kernel's check_cfg() does.

usage: check_bpf_loops.py OBJECT...; exit status 1 if there is such a loop
"""
import re
import subprocess
import sys
from collections.abc import Iterator

Code = dict[int, str]


def functions(path: str) -> dict[str, Code]:
    text = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    found: dict[str, Code] = {}
    name = ""
    for line in text.splitlines():
        head = re.match(r"^[0-9a-f]+ <(\S+)>:$", line)
        if head and not head[1].startswith("LBB"):
            name = head[1]
            found[name] = {}
        instruction = re.match(r"^\s+(\d+):\s+(.*)$", line)
        if instruction and name:
            found[name][int(instruction[1])] = instruction[2]
    return found


def follows(code: Code, following: dict[int, int], number: int) -> list[tuple[int, bool]]:
    """What comes after an instruction, and whether it is reached by a jump."""
    text = code[number]
    if text.startswith("exit"):
        return []
    jump = re.search(r"goto ([+-](?:0x)?[0-9a-f]+)", text)
    if not jump:
        return [(following[number], False)] if number in following else []
    target = (number + 1 + int(jump[1], 0), True)
    return [target] if text.startswith("goto") else [(following[number], True), target]


def bad_loops(code: Code) -> Iterator[str]:
    numbers = list(code)
    following = dict(zip(numbers, numbers[1:]))
    on_the_way, done = {numbers[0]}, set()
    stack = [(numbers[0], iter(follows(code, following, numbers[0])))]
    while stack:
        number, rest = stack[-1]
        step = next(rest, None)
        if step is None:
            stack.pop()
            on_the_way.discard(number)
            done.add(number)
        elif step[0] in on_the_way and not step[1]:
            yield f"instruction {number} ({code[number]}) falls through into the loop's head {step[0]}"
        elif step[0] not in on_the_way and step[0] not in done:
            on_the_way.add(step[0])
            stack.append((step[0], iter(follows(code, following, step[0]))))


def main() -> int:
    status = 0
    for path in sys.argv[1:]:
        for name, code in functions(path).items():
            for what in bad_loops(code):
                print(f"{path}: {name}: {what}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
