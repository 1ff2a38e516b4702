"""Open a notebook as a learner does: `make lab`, a real browser, no pop-up, run all cells, move the first slider.

    python tests/benchmarks/browser.py [notebook] [--screenshot build/browser.png]

Needs the extra `browser` (`pip install -e '.[browser]'`) and a Chromium of the system's. Exits with an
AssertionError if a cell fails, if the slider's picture stays as it was, or if JupyterLab asks or warns of something.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync""".split()
CONTEXT = "window.jupyterapp?.shell.currentWidget?.context"  # of the notebook that is shown
IDLE = f"{CONTEXT}?.isReady && {CONTEXT}.sessionContext?.session?.kernel?.status === 'idle'"
CODE_CELLS = f"[...{CONTEXT}.model.cells].filter(cell => cell.type === 'code')"
# Executed: every code cell that is not empty has its number, and the kernel has nothing left to do.
RUN = f"{CODE_CELLS}.every(cell => cell.executionCount || !cell.sharedModel.source.trim())"
ERRORS = f"""{CODE_CELLS}.flatMap(cell => cell.outputs.toJSON())
    .filter(output => output.output_type === 'error').map(output => output.ename + ': ' + output.evalue)"""
# The pictures in the output area that holds the first slider.
PICTURES = """[...document.querySelector('.noUi-handle').closest('.jp-OutputArea').querySelectorAll('img')]
    .map(image => image.src).join()"""


def run_notebook(page: Page, address: str, timeout: float) -> None:
    """Open the notebook at `address`, run all its cells, and check that none of them fails."""
    page.goto(address)
    page.wait_for_function(IDLE, timeout=60_000)
    page.wait_for_timeout(2000)
    assert not (asked := page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts()), asked
    for command in ("editmenu:clear-all", "runmenu:run-all"):  # what is seen was computed now
        page.evaluate(f"() => {{ window.jupyterapp.commands.execute('{command}'); }}")
        page.wait_for_timeout(500)
    page.wait_for_function(f"{IDLE} && ({RUN} || {ERRORS}.length)", timeout=1000 * timeout, polling=500)
    assert not (errors := page.evaluate(ERRORS)), errors


def move_slider(page: Page) -> None:
    """Press the right arrow on the first slider, and check that its picture changes."""
    handle = page.locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    page.wait_for_function(PICTURES, timeout=30_000)
    before = page.evaluate(PICTURES)
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function(
        f"before => {{ const now = {PICTURES}; return now !== '' && now !== before; }}",
        arg=before,
        timeout=30_000,
    )
    assert not (errors := page.evaluate(ERRORS)), errors


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", nargs="?", default="notebooks/00_start_here.ipynb")
    parser.add_argument("--screenshot", type=Path, default=ROOT / "build" / "browser.png")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for all cells (300)")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    arguments = f"--ServerApp.port={port} --IdentityProvider.token={token} --LabApp.expose_app_in_browser=True"
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    options.screenshot.parent.mkdir(parents=True, exist_ok=True)
    stored = (ROOT / options.notebook).read_bytes()
    server = subprocess.Popen(
        ["make", "lab", f"ARGS={arguments}"],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdout=options.screenshot.with_suffix(".log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(port, server)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 1400})
            # A workspace of its own: nothing is left over from an earlier visit.
            address = f"http://127.0.0.1:{port}/lab/workspaces/{token[:8]}/tree/{options.notebook}?token={token}"
            run_notebook(page, address, options.timeout)
            if page.locator(".noUi-handle").count():
                move_slider(page)
                print("the slider redraws its picture")
            page.screenshot(path=options.screenshot)
            print(f"{options.notebook}: no errors; screenshot in {os.path.relpath(options.screenshot)}")
            browser.close()
            warnings = options.screenshot.with_suffix(".log").read_text()
            assert "WARN" not in warnings and "[W " not in warnings, warnings
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        (ROOT / options.notebook).write_bytes(stored)  # JupyterLab may have saved what it ran


def wait_for(port: int, server: subprocess.Popen) -> None:
    """Until the server listens, or has failed to start."""
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            server.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError("`make lab` ended before it served anything: see its .log beside the screenshot")


if __name__ == "__main__":
    main()
