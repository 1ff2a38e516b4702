"""What the course costs to run: seconds and peak memory of every notebook, as a table in docs/pages/speed.md.

    VAE_DATA_DIR=... python -m tests.benchmarks.course              # about 25 minutes; nothing else should run
    VAE_DATA_DIR=... python -m tests.benchmarks.course 08_* 10_*    # only these; the others of this day are kept
    VAE_DATA_DIR=... python -m tests.benchmarks.course --table      # only write the stored figures into that table

A notebook is executed as `make notebooks` does it, in a process of its own, with the threads that torch
takes by itself; and once more while another program keeps one core busy. Stored with versions and processor in
tests/benchmarks/results/.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.form import is_further, with_table

from .measuring import RESULTS, ROOT, SPINNING, machine, markdown, measured_on
from .training import SPEED

STORED = RESULTS / "course.json"
SECONDS = ("cells", "core", "beside another", "wall")


def execute(path: Path) -> dict[str, float]:
    """Seconds of the whole, of the cells and of those in the core; and the largest memory (MB) of any process of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = f"-m nbconvert --to notebook --execute --output-dir={folder} --output=out.ipynb".split()
        command += ["--ExecutePreprocessor.kernel_name=python3", "--ExecutePreprocessor.timeout=1800"]
        start = time.perf_counter()
        run = [sys.executable, *command, str(path)]
        process = subprocess.Popen(run, stderr=subprocess.PIPE, text=True, env=SPINNING | os.environ)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)  # with what it waited for itself, that is, the kernel
        wall = time.perf_counter() - start
        if status:
            raise RuntimeError(f"{path.name} failed:\n{errors[-3000:]}")
        cells = json.loads(Path(folder, "out.ipynb").read_text())["cells"]
    seconds = [in_cell(cell) for cell in cells]
    core = sum(took for took, further in zip(seconds, is_further(cells), strict=True) if not further)
    memory = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {"wall": wall, "cells": sum(seconds), "core": core, "memory": memory}


def in_cell(cell: dict) -> float:
    """Seconds from its start to its reply."""
    stamps = cell["metadata"].get("execution", {})
    if "shell.execute_reply" not in stamps:
        return 0.0
    begun, done = (datetime.fromisoformat(stamps[name]) for name in ("iopub.execute_input", "shell.execute_reply"))
    return (done - begun).total_seconds()


@contextmanager
def another_program() -> Iterator[None]:
    """One that keeps a core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def measure(path: Path) -> dict[str, float]:
    """The costs of a notebook, and the seconds in its cells beside another program."""
    cost = execute(path)
    with another_program():
        return cost | {"beside another": execute(path)["cells"]}


def table(report: dict) -> str:
    """Markdown: one row per notebook, a sum, and what it was measured on."""
    head = ["notebook", "seconds in cells", "in the core", "beside a program", "with start and end", "peak memory"]
    rows = []
    for name, cost in report["notebooks"].items():
        cells, core, beside, wall = (cost[what] for what in SECONDS)
        rows.append([name, f"{cells:.0f}", f"{core:.0f}", f"{beside:.0f} ({beside / cells:.2f} times)", f"{wall:.0f}",
                     f"{cost['memory'] / 1000:.1f} GB"])  # fmt: skip
    costs = report["notebooks"].values()
    cells, core, beside, wall = (sum(cost[what] for cost in costs) / 60 for what in SECONDS)
    rows.append(["**all**", f"{cells:.1f} min", f"{core:.1f} min", f"{beside:.1f} min ({beside / cells:.2f} times)",
                 f"{wall:.1f} min", f"{max(cost['memory'] for cost in costs) / 1000:.1f} GB"])  # fmt: skip
    return markdown(head, rows) + "\n" + measured_on(report)


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
            cost = report["notebooks"][path.stem] = measure(path)
            print(path.stem, *(f"{what} {value:.1f}" for what, value in cost.items()), flush=True)
        report["notebooks"] = dict(sorted(report["notebooks"].items()))
        STORED.write_text(json.dumps(report, indent=1) + "\n")
    SPEED.write_text(with_table(SPEED.read_text(), "course", table(json.loads(STORED.read_text()))))


if __name__ == "__main__":
    main()
