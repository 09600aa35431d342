#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes a text file a C++ header with one constant, kFairleadSample.

usage: embed_sample.py TEXT HEADER
"""
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text(encoding="utf-8")
Path(sys.argv[2]).write_text(
    f'#pragma once\n\ninline constexpr const char* kFairleadSample = R"sample({text})sample";\n', encoding="utf-8")
