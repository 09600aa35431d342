#!/bin/bash
# Every C and C++ file is as clang-format 14 with .clang-format would write it.
# usage: check_format.sh REPOSITORY
set -euo pipefail
cd "$1"
formatter=$(command -v clang-format-14 || command -v clang-format) || { echo "clang-format is not installed"; exit 77; }
find dataplane control ebpf tests -regex '.*\.\(cc\|hh\|h\|c\)' -print0 |
  xargs -0 -n 40 "$formatter" --dry-run --Werror
