"""Do the claims hold under seeds that nobody has tried? Runs notebooks under them and lists every claim that fails.

    python -m tests.seeds                              # three fresh seeds, all notebooks, the data at hand
    python -m tests.seeds '0[4-7]*' --fresh 10         # ten fresh seeds, some notebooks
    python -m tests.seeds 06_beta_vae --seeds 17 18    # seeds that failed before
    python -m tests.seeds --data mnist strokes         # both kinds of data, for notebooks that load any

A notebook goes on after a failing cell, so that one run finds all its failures. Two run at a time, on one thread each.
Exit code 1 if a claim fails.
"""

import argparse
import os
import random
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from tests.form import solve
from vae_helpers.files import ROOT

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run(path: Path, seed: int, data: str | None, solved: bool = False) -> tuple[list[str], float]:
    """What fails in a notebook under a seed, a line each, and the seconds that it took."""
    notebook, begun = nbformat.read(path, as_version=4), time.perf_counter()
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(r"^SEED = \d+", f"SEED = {seed}", cell.source, flags=re.MULTILINE)
    if solved:
        solve(notebook.cells)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    if data == "strokes":
        environment["VAE_DATA_DIR"] = str(ROOT / "build" / "no-mnist")
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": path.parent}}
    )
    try:
        client.execute(env=environment)
    except (CellTimeoutError, DeadKernelError) as error:
        return [f"stopped: {error}".splitlines()[0]], time.perf_counter() - begun
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    errors = [f"{o.ename}: {ANSI.sub('', o.evalue)}" for o in outputs if o.output_type == "error"]
    return errors, time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("notebooks", nargs="*", default=["*"], help="names, without .ipynb; may have wildcards")
    add("--seeds", nargs="+", type=int, help="these seeds; by default fresh ones")
    add("--fresh", type=int, default=3, metavar="N", help="how many fresh seeds (3)")
    add("--data", nargs="+", choices=["mnist", "strokes"], default=[None], help="by default what load_images() finds")
    add("--solved", action="store_true", help="with a right answer in every exercise, instead of none")
    add("--jobs", type=int, default=2, help="notebooks at a time (2)")
    args = parser.parse_args()
    seeds = args.seeds or sorted(random.SystemRandom().sample(range(1000, 100_000), args.fresh))
    print("seeds:", *seeds, flush=True)
    paths = sorted({path for name in args.notebooks for path in (ROOT / "notebooks").glob(f"{name}.ipynb")})
    loads = {path: "load_images" in path.read_text() for path in paths}
    (ROOT / "build" / "no-mnist").mkdir(parents=True, exist_ok=True)
    tasks = [(path, seed, data) for seed in seeds for path in paths for data in (args.data if loads[path] else [None])]
    failed = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for (path, seed, data), (errors, seconds) in zip(
            tasks, pool.map(lambda task: run(*task, args.solved), tasks), strict=True
        ):
            what = f"{path.stem} seed {seed}{f' {data}' if data else ''}"
            print(f"{'✗' if errors else '✓'} {what} ({seconds:.0f} s)", *errors, sep="\n    ", flush=True)
            failed += bool(errors)
    print(f"{len(tasks) - failed} of {len(tasks)} runs hold")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
