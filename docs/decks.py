"""Decks: one for each notebook, made by rules, and the lecture of 90 minutes, in an order written by hand.

    python -m docs.decks           # all of them, into build/decks
    python -m docs.decks 04        # only that of notebook 04 (ninety: only the lecture)

Open build/decks/index.html. Keys: arrows, S for the speaker's notes, F for full screen, O for an overview, ? for all.
"""

import argparse
import html
import time

from docs.lecture import lecture
from docs.selection import slides_of
from docs.slides import DECKS, Slide, write_assets, write_deck
from docs.stored import PATHS

NINETY = "ninety_minutes"


def all_decks(wanted: list[str]) -> dict[str, list[Slide]]:
    """The slides of every wanted deck by its name; of all, if none is named."""
    decks = {path.stem: slides_of(path.name[:2]) for path in PATHS if not wanted or path.name[:2] in wanted}
    if not wanted or "ninety" in wanted:
        decks[NINETY] = lecture()
    return decks


def write_index(decks: dict[str, list[Slide]]) -> None:
    """A page with a link to every deck."""
    lines = "\n".join(
        f'<li><a href="{name}.html">{html.escape(slides[0].title)}</a> ({name[:2] if name != NINETY else "00 to 07"}, '
        f"{len(slides)} slides)</li>"
        for name, slides in decks.items()
    )
    (DECKS / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Decks</title>'
        '<link rel="stylesheet" href="assets/handout.css"><main class="index"><h1>Decks</h1>'
        f"<ul>{lines}</ul><p>Arrows move, S opens the speaker's notes, F fills the screen, O shows all slides.</p>"
        "</main></html>\n",
        encoding="utf-8",
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("decks", nargs="*", help="two digits of a notebook, or ninety; all, if left out")
    began = time.monotonic()
    wanted = parser.parse_args().decks
    decks = all_decks(wanted)
    write_assets()
    for name, slides in decks.items():
        path = write_deck(name, slides[0].title, slides)
        print(f"{path.relative_to(DECKS.parents[1])}: {len(slides)} slides")
    if not wanted:
        write_index(decks)
    print(f"{len(decks)} decks in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
