"""A headless Chromium of the system's, through Playwright: for PDF, and for looking at what was made."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --hide-scrollbars""".split()


@contextmanager
def browser() -> Iterator:
    """A browser of Playwright's, closed at the end.

    Raises:
        RuntimeError: if Playwright or Chromium is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as missing:
        raise RuntimeError("Playwright is missing: pip install -c constraints.txt -e '.[browser]'") from missing
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if not found:
        raise RuntimeError("there is no Chromium on the path (chromium, google-chrome): install one of the system's")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()
