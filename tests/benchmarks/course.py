"""What the course costs to run: seconds and peak memory of every notebook, as a table in docs/pages/speed.md.

    VAE_DATA_DIR=... python -m tests.benchmarks.course              # about 10 minutes; nothing else should run
    VAE_DATA_DIR=... python -m tests.benchmarks.course 08_* 10_*    # only these; the others of this day are kept
    VAE_DATA_DIR=... python -m tests.benchmarks.course --table      # only write the stored figures into that table

A notebook is executed as `make notebooks` does it, in a process of its own, with the threads that torch
takes by itself. Stored with versions and processor in tests/benchmarks/results/.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.form import with_table

from .training import RESULTS, ROOT, SPEED, machine, measured_on

STORED = RESULTS / "course.json"


def execute(path: Path) -> dict[str, float]:
    """Seconds of the whole and of the cells, and the largest memory (MB) of any process of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = f"-m nbconvert --to notebook --execute --output-dir={folder} --output=out.ipynb".split()
        command += ["--ExecutePreprocessor.kernel_name=python3", "--ExecutePreprocessor.timeout=1800"]
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *command, str(path)], stderr=subprocess.PIPE, text=True)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)  # with what it waited for itself, that is, the kernel
        seconds = time.perf_counter() - start
        if status:
            raise RuntimeError(f"{path.name} failed:\n{errors[-3000:]}")
        cells = json.loads(Path(folder, "out.ipynb").read_text())["cells"]
    in_cells = 0.0
    for cell in cells:
        stamps = cell["metadata"].get("execution", {})
        if "shell.execute_reply" in stamps:
            ends = (stamps["iopub.execute_input"], stamps["shell.execute_reply"])
            begun, done = map(datetime.fromisoformat, ends)
            in_cells += (done - begun).total_seconds()
    memory = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {"wall": seconds, "cells": in_cells, "memory": memory}


def table(report: dict) -> str:
    """Markdown: one row per notebook, a sum, and what it was measured on."""
    rows = ["| notebook | seconds in cells | with start and end | peak memory |", "|---|---|---|---|"]
    for name, cost in report["notebooks"].items():
        rows.append(f"| {name} | {cost['cells']:.0f} | {cost['wall']:.0f} | {cost['memory'] / 1000:.1f} GB |")
    wall, cells, memory = zip(*(cost.values() for cost in report["notebooks"].values()), strict=True)
    total = f"{sum(cells) / 60:.1f} min | {sum(wall) / 60:.1f} min | {max(memory) / 1000:.1f} GB"
    rows.append(f"| **all** | {total} |")
    return "\n".join(rows) + "\n\n" + measured_on(report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="names, without .ipynb; may have wildcards; by default all")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    args = parser.parse_args()
    if not args.table:
        from vae_helpers import load_images

        report = {"machine": machine(), "data": load_images().name, "notebooks": {}}
        folder, stored = ROOT / "notebooks", json.loads(STORED.read_text())
        if args.notebooks:
            if {**stored, "notebooks": {}} != report:
                parser.error(f"what is stored is of another day, machine or data: measure all. {stored['machine']}")
            report["notebooks"] = stored["notebooks"]
        for path in sorted({path for name in args.notebooks or ["*"] for path in folder.glob(f"{name}.ipynb")}):
            cost = report["notebooks"][path.stem] = execute(path)
            print(
                f"{path.stem:32s} {cost['cells']:6.1f} s {cost['wall']:6.1f} s {cost['memory']:7.0f} MB",
                flush=True,
            )
        report["notebooks"] = dict(sorted(report["notebooks"].items()))
        STORED.write_text(json.dumps(report, indent=1) + "\n")
    SPEED.write_text(with_table(SPEED.read_text(), "course", table(json.loads(STORED.read_text()))))


if __name__ == "__main__":
    main()
