"""Tests that need Chromium and Playwright: `make browser`, that is, `pytest tests/browser`.

Plain `pytest tests` leaves this folder out, so that it needs neither; who names the folder means it, and then
nothing is skipped.
"""

from pathlib import Path

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path, config):
    """Leave out what lies here unless the command line names this folder or something in it."""
    named = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True
