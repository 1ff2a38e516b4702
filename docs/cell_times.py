"""Which cells run long: seconds of processor that each cell takes with one thread, for a lecturer who plans a class.

    python -m docs.cell_times                  # every notebook: a quarter of an hour on an idle core
    python -m docs.cell_times 04_first_vae     # only this one

Counted is the kernel's processor time, not the clock: on an idle core both are the same, and with two threads the clock
needs about three quarters of it. Stored in tests/benchmarks/results/cells.json, and shown in the guide.
"""

import argparse
import json
import os
from datetime import date

import nbformat
import psutil
from nbclient import NotebookClient

from tests.form import PATHS
from vae_helpers.files import ROOT

STORED = ROOT / "tests" / "benchmarks" / "results" / "cells.json"


def measure(path) -> dict[str, float]:
    """Run a notebook and count; nothing of it is stored.

    Args:
        path: of the notebook.

    Returns:
        Cell id -> seconds, for cells of code.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    )
    used, before = {}, [0.0]

    def seconds() -> float:
        times = psutil.Process(client.km.provisioner.pid).cpu_times()
        return times.user + times.system + times.children_user + times.children_system

    def started(cell, cell_index) -> None:
        before[0] = seconds()

    def executed(cell, cell_index, execute_reply) -> None:
        used[cell.id] = round(seconds() - before[0], 2)

    client.on_cell_start, client.on_cell_executed = started, executed
    client.execute()
    return used


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="names, without .ipynb (default: all)")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the kernels
    for path in PATHS:
        if path.stem in (args.notebooks or [path.stem]):
            found = {"date": str(date.today()), "cells": measure(path)}
            report = json.loads(STORED.read_text()) if STORED.exists() else {}
            report[path.stem] = found
            STORED.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
            print(f"{path.stem}: {sum(found['cells'].values()):.0f} s", flush=True)


if __name__ == "__main__":
    main()
