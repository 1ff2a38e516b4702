"""The site of the course: Sphinx pages from the notebooks with their stored outputs, in build/site.

    python -m docs.site            # a warning is an error, and so is a link that leads nowhere

The source is put together in build/site-source: docs/pages, the notebooks in the form of docs.notebook_pages, and what
docs.reference and docs.guide make. Open build/site/index.html; no page asks for anything over the network.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

from tests.form import PATHS, read
from vae_helpers.files import ROOT

from . import guide, reference
from .notebook_pages import page
from .vendor import vendored

SOURCE, SITE = ROOT / "build" / "site-source", ROOT / "build" / "site"
PAGES = ROOT / "docs" / "pages"
MENU = '<summary aria-label="What is in this part">'


def write_source(folder: Path = SOURCE) -> None:
    """Put together what Sphinx reads.

    Args:
        folder: made anew.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PAGES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(vendored("mathjax"), folder / "_static" / "mathjax", ignore=shutil.ignore_patterns(".version"))
    shutil.copy(ROOT / "notebooks" / "references.bib", folder)
    for picture in (ROOT / "docs" / "latent_space.png", *(ROOT / "tests" / "benchmarks" / "results").glob("*.png")):
        shutil.copy(picture, folder)
    (folder / "notebooks").mkdir()
    for path in PATHS:
        text = json.dumps(page(read(path)), ensure_ascii=False)
        (folder / "notebooks" / path.name).write_text(text, encoding="utf-8")
    made = {"claims.md": reference.claims_page(), "times.md": reference.times_page(), **reference.api_pages()}
    made |= guide.site_pages()
    for name, text in made.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        text = path.read_text(encoding="utf-8").replace("](../../tests/benchmarks/results/", "](")  # copied above
        path.write_text(filled(text), encoding="utf-8")


def filled(text: str) -> str:
    """A page in which a line such as `<!-- README: paths -->` has become the table of that name.

    Args:
        text: of the page.

    Example:
        >>> "| an evening |" in filled("<!-- README: paths -->")
        True
    """
    return re.sub(r"<!-- README: (\w+) -->", lambda match: reference.readme_table(match[1]), text)


def build(source: Path = SOURCE, site: Path = SITE) -> None:
    """Run Sphinx; a warning is an error.

    Args:
        source: as `write_source` leaves it.
        site: made anew.

    Raises:
        SystemExit: if Sphinx is missing or warns, or a link leads nowhere.
    """
    if not importlib.util.find_spec("sphinx"):
        raise SystemExit("Sphinx is missing: pip install -c constraints.txt -e '.[docs]'")
    shutil.rmtree(site, ignore_errors=True)
    options = ["-n", "-W", "--keep-going", "-q", "-b", "html", "-d", str(source.with_name("site-doctrees"))]
    shutil.rmtree(source.with_name("site-doctrees"), ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(site)]
    status = subprocess.run(command, cwd=ROOT).returncode
    if status:
        raise SystemExit(f"Sphinx ended with {status}: what it said above has to be mended")
    for path in site.rglob("*.html"):
        path.write_text(mended(path.read_text(encoding="utf-8")), encoding="utf-8")
    if broken := broken_links(site):
        raise SystemExit("Links that lead nowhere:\n" + "\n".join(broken))


def mended(html: str) -> str:
    """A page with names for what unfolds a menu and for the search, and without a list whose items are called none.

    Args:
        html: of the page.

    Example:
        >>> mended('<summary><span class="toctree-toggle"')
        '<summary aria-label="What is in this part"><span class="toctree-toggle"'
    """
    html = html.replace('<summary><span class="toctree-toggle"', MENU + '<span class="toctree-toggle"')
    html = html.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    return re.sub(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1", html)


class Links(HTMLParser):
    """The ids and the addresses of a page.

    Args:
        text: HTML.
    """

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.targets = set(), []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def broken_links(site: Path) -> list[str]:
    """Links of the site's pages, pictures and scripts included, to a file or a place in it that is not there.

    What lies in _static is the theme's, templates among it.

    Args:
        site: the folder.

    Returns:
        A line for each: the page and the address.
    """
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages, broken = {path: Links(path.read_text(encoding="utf-8")) for path in paths}, []
    for path, links in pages.items():
        for target in sorted(set(links.targets)):
            if re.match(r"[a-z]+:", target):  # https:, mailto:, data:
                continue
            file, _, anchor = target.partition("#")
            goal = (path.parent / urllib.parse.unquote(file.split("?")[0])).resolve() if file else path
            known = pages[goal].ids if goal in pages else set()
            if not goal.exists() or (anchor and goal in pages and urllib.parse.unquote(anchor) not in known):
                broken.append(f"{path.relative_to(site)}: {target}")
    return broken


def main() -> None:
    """The command."""
    write_source()
    build()
    print(f"{len(list(SITE.rglob('*.html')))} pages; open {SITE / 'index.html'}")


if __name__ == "__main__":
    main()
