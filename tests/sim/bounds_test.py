#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""adaptive stays within its bounds: p99 of central JSQ, of static Maglev, of local weighted least connections.

usage: bounds_test.py FAIRLEAD_SIM. Two seeds that no parameter was chosen on; scripts/policies runs the full tables.
"""
import json
import subprocess
import sys
import tempfile

# scenario: most of JSQ, of static, of wlc; most failed requests as a share of static's
BOUNDS = {"homog": (1.10, 0.60, 0.75, 1), "hetero-hidden": (1.25, 0.16, 0.17, 1), "antag": (1.25, 0.18, 0.22, 1),
          "crash": (1.12, 0.52, 0.62, 0.12), "mixed": (1.30, 0.18, 0.22, 1)}


def main() -> int:
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([sys.argv[1], "compare", "adaptive", "--scenario", ",".join(BOUNDS), "--seeds", "2", "--first-seed", "201",
                        "--jobs", "2", "--quiet", "--json", out.name], check=True, stdout=subprocess.DEVNULL)
        rows = {(r["scenario"], r["policy"]): r for r in json.load(open(out.name, encoding="utf-8"))}
    faults = []
    for scenario, (jsq, static, wlc, failed) in BOUNDS.items():
        row = rows[scenario, "adaptive"]
        for key, bound in (("of_jsq", jsq), ("of_static", static), ("of_wlc", wlc)):
            print(f"{scenario} {key}: {row[key]['median']:.3f}, at most {bound}")
            if row[key]["median"] > bound:
                faults.append(f"{scenario} {key}")
        if row["failed"]["median"] > failed * max(rows[scenario, "static"]["failed"]["median"], 1):
            faults.append(f"{scenario} failed")
        if row["slots_moved"]["median"] > 0.01 and scenario != "mixed":
            faults.append(f"{scenario} slots moved")
    print("out of bounds: " + ", ".join(faults) if faults else "within bounds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
