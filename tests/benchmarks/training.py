"""How fast is `fit`? Against what others use, and against what the machine can do at all.

    VAE_DATA_DIR=... python -m tests.benchmarks.training             # all, half an hour on two cores
    VAE_DATA_DIR=... python -m tests.benchmarks.training steps nll   # some of it

Everything that is compared runs interleaved in one process, and what is reported is the median of the
paired ratios with its quartiles: seconds on a shared machine change by the minute. Prints a table, and stores the run
with date, processor and versions in tests/benchmarks/results/, beside those of other days and machines; sections
measured again on the same day replace their figures. Two figures and the table of docs/pages/speed.md are made of
them. Some sections on a day without a run are only stored in build/. Exit code 3 if a target is missed.

The peers are in `peers.py` and, if they are installed, `libraries.py`; all have the same network. The floor of a step
is its matrix products, forward and backward, and one fused Adam step; nothing else that a step does (`floors.py`).
"""

import argparse
import json
import os
import sys
from contextlib import redirect_stderr
from pathlib import Path

from tests.form import with_table
from vae_helpers import load_images
from vae_helpers.files import write_atomically

from . import libraries
from .figures import plot_growth, plot_parts
from .measuring import RESULTS, ROOT, in_a_process, machine, measured_on
from .sampling_cost import ais, growth, iwae, nll, sweep
from .training_cost import epochs, parts, precision, quality, steps

STORED = RESULTS / "training.json"
SPEED = ROOT / "docs" / "pages" / "speed.md"  # has the tables, between marks
README = ROOT / "README.md"  # has a short one
SECTIONS = {
    "steps": steps,
    "parts": parts,
    "epochs": epochs,
    "quality": quality,
    "precision": precision,
    "iwae": iwae,
    "nll": nll,
    "ais": ais,
    "sweep": sweep,
    "growth": growth,
}
SLOWER = ("loader loop", "Pyro", "pythae", "Lightning")
TARGETS = {  # name of a figure: (largest or smallest allowed, and which of the two)
    "step: fit / floor": (1.35, "<="),
    "epoch: fit / plain loop": (1.0, "<="),
    **{f"time to quality: {name} / fit": (4.0, ">=") for name in SLOWER},
    "time to quality: plain loop / fit": (2.5, ">="),
    **{f"time to quality (bfloat16): {name} / fit": (8.0, ">=") for name in SLOWER},
    "time to quality (bfloat16): plain loop / fit": (5.0, ">="),
    "quality: fit above the plain loop, worst seed (nats)": (0.0, "<="),
    "quality: fit (bfloat16) above the plain loop, worst seed (nats)": (0.0, "<="),
    "IWAE step, k = 50 / 50 decoder products": (1.6, "<="),
    "importance NLL / its products": (1.5, "<="),
    "importance NLL: extra memory (MB)": (1000.0, "<="),
}
ALSO_SHOWN = (
    "step: plain loop / floor",
    "step: bfloat16 / floor",
    "step: compiled / floor",
    *(f"epoch: {name} / fit" for name in SLOWER),
    "IWAE step (bfloat16), k = 50 / 50 decoder products",
    "importance NLL (bfloat16) / its products",
    "importance NLL: 10,000 images, from 500 (min)",
    "importance NLL (bfloat16): 10,000 images, from 500 (min)",
    "importance NLL: bfloat16 minus float32 (nats)",
    "AIS / its products",
    "AIS (bfloat16) / its products",
    "sweep of 5 / its floors",
    "sweep: 5 fits / fit_sweep",
)
IN_SHORT = (
    *(f"time to quality: {name} / fit" for name in (*SLOWER, "plain loop")),
    "epoch: fit / plain loop",
    "step: fit / floor",
)
ORDER = ("step", "epoch", "time to quality:", "time to quality (", "quality", "IWAE", "importance", "AIS", "sweep")


def met(name: str, value: dict | float) -> bool:
    """Whether a figure is within its target."""
    bound, sense = TARGETS[name]
    value = value["median"] if isinstance(value, dict) else value
    return value <= bound if sense == "<=" else value >= bound


def shown(value: dict | float | None) -> str:
    """A ratio with its quartiles, or a number; a dash for what was not measured."""
    if isinstance(value, dict):
        return f"{value['median']:.2f} ({value['low']:.2f} to {value['high']:.2f})"
    return "-" if value is None else f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def table(report: dict) -> str:
    """Markdown: figures with a target, and some others, of the latest run and of the one before."""
    runs = report["runs"][:-3:-1]
    rows = ["| | " + " | ".join(run["machine"]["date"] for run in runs) + " | wanted | met |"]
    rows += ["|---" * (len(runs) + 3) + "|"]
    latest = runs[0]["found"]
    names = [name for name in (*TARGETS, *ALSO_SHOWN) if any(name in run["found"] for run in runs)]
    for name in sorted(names, key=lambda name: [name.startswith(start) for start in ORDER].index(True)):
        values = " | ".join(shown(run["found"].get(name)) for run in runs)
        rows.append(f"| {name} | {values} | {wanted(name)} | {verdict(name, latest)} |")
    return "\n".join([*rows, "", *(run_was(run) for run in runs)])


def short_table(report: dict) -> str:
    """Markdown for the README: the latest run's main figures."""
    run = report["runs"][-1]
    rows = [f"| | {run['machine']['date']} | wanted | met |", "|---|---|---|---|"]
    for name in IN_SHORT:
        rows.append(f"| {name} | {shown(run['found'].get(name))} | {wanted(name)} | {verdict(name, run['found'])} |")
    return "\n".join(rows) + "\n"


def wanted(name: str) -> str:
    """The target of a figure in words, if it has one."""
    if name not in TARGETS:
        return ""
    bound, sense = TARGETS[name]
    return f"{'at most' if sense == '<=' else 'at least'} {bound:g}"


def verdict(name: str, found: dict) -> str:
    """Whether a figure with a target meets it."""
    return "" if name not in TARGETS or name not in found else "yes" if met(name, found[name]) else "**no**"


def run_was(run: dict) -> str:
    """Where and when, with which libraries, and beside what load."""
    beside = f" Other libraries: {', '.join(f'{k} {v}' for k, v in run['peers'].items())}." if "peers" in run else ""
    beside += f" Load of the machine before a section, on average: {run['load']:.1f}." if "load" in run else ""
    if run["machine"].get("clock") == "processor":
        beside += " Counted is the processor's time of one thread: other programs ran beside it."
    return measured_on(run).strip() + beside + "\n"


def precision_table(found: dict) -> str:
    """Markdown: what the course's models come to in float32 and with bfloat16 products."""
    rows = ["| model | float32 | spread over seeds | bfloat16 minus float32 |", "|---|---|---|---|"]
    for name in [key.removesuffix(", float32") for key in found if key.endswith(", float32")]:
        mean, spread = found[f"{name}, float32"], found[f"{name}, spread over seeds"]
        change, error = found[f"{name}, bfloat16 minus float32"], found[f"{name}, its standard error"]
        rows.append(f"| {name.removeprefix('precision: ')} | {mean:.2f} | {spread:.2f} | {change:+.2f} ± {error:.2f} |")
    return "\n".join(rows) + "\n"


def line(name: str, value: dict | float) -> str:
    target = ""
    if name in TARGETS:
        bound, sense = TARGETS[name]
        target = f"   {sense} {bound:g}: {'met' if met(name, value) else 'MISSED'}"
    return f"{name:68s} {shown(value)}{target}"


def is_begun(report: dict) -> bool:
    """Whether the last run is of this day, machine and torch."""
    now, last = machine(), report["runs"][-1]["machine"] if report["runs"] else {}
    return all(last.get(key) == now[key] for key in ("date", "processor", "accelerator", "torch"))


def current(report: dict) -> dict:
    """The last run if it is of this day, machine and torch, else a new one."""
    if not is_begun(report):
        report["runs"].append({"machine": machine(), "found": {}})
    report["runs"][-1]["peers"] = libraries.versions()
    return report["runs"][-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", help=f"default: all of {', '.join(SECTIONS)}")
    parser.add_argument("--store", type=Path, default=STORED, help="another file for the run; the page stays as it is")
    parser.add_argument("--short", action="store_true", help="a quarter of the rounds")
    parser.add_argument("--busy", action="store_true", help="count the processor's time of one thread, not the clock's")
    parser.add_argument("--inner", choices=SECTIONS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inner:
        with redirect_stderr(sys.stdout):
            data = load_images()
            print(json.dumps({"machine": machine(), "data": data.name, "found": SECTIONS[args.inner](data)}))
        return 0
    report = json.loads(args.store.read_text()) if args.store.exists() else {"runs": []}
    if args.sections and args.store == STORED and not is_begun(report):
        args.store, report = ROOT / "build" / "training.json", {"runs": []}
    run, loads = current(report), []
    options = {f"VAE_BENCHMARK_{name.upper()}": "1" for name in ("short", "busy") if getattr(args, name)}
    for name in args.sections or SECTIONS:
        loads.append(os.getloadavg()[0])
        section = in_a_process("tests.benchmarks.training", name, options)
        run |= {"machine": section["machine"], "data": section["data"], "found": run["found"] | section["found"]}
        run["load"] = sum(loads) / len(loads)
        print(*(line(*item) for item in section["found"].items()), sep="\n", flush=True)
        text = json.dumps(report, indent=1) + "\n"
        write_atomically(args.store, lambda path, text=text: path.write_text(text))
    if args.store == STORED:
        write_page(report)
    return 0 if all(met(name, run["found"][name]) for name in TARGETS if name in run["found"]) else 3


def write_page(report: dict) -> None:
    """The tables of the page on speed and of the README, and the figures, from what is stored."""
    latest = report["runs"][-1]["found"]
    README.write_text(with_table(README.read_text(), "training", short_table(report)))
    page = with_table(SPEED.read_text(), "training", table(report))
    SPEED.write_text(with_table(page, "precision", precision_table(latest)))
    plot_growth(latest, STORED.with_suffix(".png"))
    plot_parts(latest, RESULTS / "parts.png")


if __name__ == "__main__":
    sys.exit(main())
