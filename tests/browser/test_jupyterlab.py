"""JupyterLab in a browser, as a reader has it from `make lab`: 00 is run, moved, unfolded, answered and interrupted.

What `make lab` opens lies in a copy of the course in a temporary folder; one server and one page serve all tests.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import nbformat
import pytest

from docs.chromium import browser
from vae_helpers.files import ROOT

CONTEXT = "window.jupyterapp?.shell.currentWidget?.context"  # of the notebook that is shown
IDLE = f"{CONTEXT}?.isReady && {CONTEXT}.sessionContext?.session?.kernel?.status === 'idle'"
CODE_CELLS = f"[...{CONTEXT}.model.cells].filter(cell => cell.type === 'code')"
RUN = f"{CODE_CELLS}.every(cell => cell.executionCount || !cell.sharedModel.source.trim())"
ERRORS = f"""{CODE_CELLS}.flatMap(cell => cell.outputs.toJSON())
    .filter(output => output.output_type === 'error').map(output => output.ename + ': ' + output.evalue)"""
TAGS = f"[...{CONTEXT}.model.cells].map(cell => cell.metadata.tags || [])"
ASKED = ".Toastify__toast, .jp-Dialog"
# An answer to 00.a, in place of `raise NotImplementedError`; right with a sum.
ANSWER = "return (x * heads.log() + (1 - x) * (1 - heads).log()).{}(dim=1)"


def copy_course(folder):
    """What `make lab` needs, in another place, with the environment in which the tests run."""
    for name in ("notebooks", "vae_helpers", ".jupyter"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)


@contextmanager
def make_lab(folder, port, token, **environment):
    """`make lab` in `folder`, once it listens; stopped at the end. What it prints goes to folder/log."""
    kept = {key: value for key, value in os.environ.items() if "DISPLAY" not in key and key != "PYTHONPATH"}
    # Nobody's own settings, and nothing left over from an earlier visit.
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {place: str(folder / "home" / place) for place in places}
    # -o: what is installed, and whether MNIST could be fetched, was settled where the environment lies.
    command = ["make", "-o", ".venv/.installed", "-o", ".venv/.mnist-tried", "lab"]
    command += [f"ARGS=--ServerApp.port={port} --ServerApp.port_retries=0 --IdentityProvider.token={token} "
                "--LabApp.expose_app_in_browser=True"]  # fmt: skip
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=kept | own | environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if server.poll() is not None or probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        assert server.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab, with 00 open and its kernel ready, and what was asked for outside the machine."""
    folder, token = tmp_path_factory.mktemp("course"), secrets.token_hex(16)
    copy_course(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    local, asked, outside = f"http://127.0.0.1:{port}/", [], []

    def refuse(route):
        outside.append(route.request.url)
        route.abort()

    # Whoever asks for a page from Python is sent to this proxy, which never answers.
    with socket.create_server(("127.0.0.1", 0)) as proxy, browser() as chromium:
        proxy.setblocking(False)
        way = dict.fromkeys(("http_proxy", "https_proxy"), f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with make_lab(folder, port, token, no_proxy="127.0.0.1,localhost", **way) as server:
            page = chromium.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(60_000)
            page.on("request", lambda request: asked.append(request.url))
            page.route(lambda url: not url.startswith((local, "data:", "blob:")), refuse)
            page.goto(f"{local}?token={token}")
            page.wait_for_function(IDLE)
            yield SimpleNamespace(page=page, asked=asked, outside=outside, proxy=proxy, local=local, log=folder / "log")
            page.request.post(f"{local}api/shutdown", headers={"Authorization": f"token {token}"})
            assert server.wait(60) == 0


@pytest.fixture(scope="module")
def page(lab):
    """The page on which every cell of 00 was run."""
    for command in ("editmenu:clear-all", "runmenu:run-all"):  # what is seen was computed now
        # Not the promise: `run-all` keeps its own until the last cell has run.
        lab.page.evaluate("command => { window.jupyterapp.commands.execute(command); }", command)
    lab.page.wait_for_function(f"{IDLE} && ({RUN} || {ERRORS}.length)", timeout=500_000, polling=500)
    return lab.page


def cell(page, place):
    """A cell by its place in the notebook."""
    return page.locator(".jp-Notebook-cell").nth(place)


def tagged(page, tag):
    """The place of the first cell with this tag."""
    return next(place for place, tags in enumerate(page.evaluate(TAGS)) if tag in tags)


def says(page, place, words, timeout=60):
    """What is printed below a cell, once these words are among it."""
    output = cell(page, place).locator(".jp-OutputArea", has_text=words).first
    output.wait_for(timeout=1000 * timeout)
    return output.inner_text()


def accessible(page, role):
    """[(name, value)] of all that a screen reader is told about things in this role, once the page is painted.

    Chromium leaves out the cells that are far from those on the screen.
    """
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    told = [node for node in nodes if node["role"]["value"] == role]
    return [tuple(node.get(key, {}).get("value") for key in ("name", "value")) for node in told]


def test_00_runs_to_its_end(page):
    assert page.evaluate("document.title").startswith("00_start")
    assert not page.evaluate(ERRORS)
    assert page.evaluate(RUN)
    assert not page.locator(ASKED).all_inner_texts()


def test_the_slider_moves_and_its_picture_changes(page):
    handle = page.get_by_role("slider")
    handle.scroll_into_view_if_needed()
    picture = page.locator(".jp-OutputArea", has=handle).locator("img").last
    before = picture.get_attribute("src"), float(handle.get_attribute("aria-valuenow"))
    handle.press("ArrowRight")
    page.wait_for_function("([image, before]) => image.src !== before", arg=[picture.element_handle(), before[0]])
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(before[1] + 0.1)
    page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=picture.element_handle())
    assert not page.evaluate(ERRORS)


@pytest.mark.parametrize(
    ("summary", "inside", "words"),
    [
        ("Solution of 00.a", "pre", ANSWER.format("sum")),
        ("Hint", "p", "What does a logarithm make of a product?"),
    ],
    ids=["solution", "hint"],
)
def test_hint_and_solution_are_folded_and_open(page, summary, inside, words):
    title = page.locator("summary", has_text=summary)
    content = page.locator("details", has=title).locator(inside)
    assert not content.is_visible()
    title.click()
    content.wait_for()
    assert words in " ".join(content.inner_text().split())


@pytest.mark.parametrize(
    ("reduce", "verdict", "goes_on"),
    [
        ("mean", "✗ 00.a not yet. This is the mean over coins.", "The notebook goes on with the course's"),
        ("sum", "✓ 00.a right.", "The notebook goes on with your coin_log_prob"),
    ],
    ids=["wrong", "right"],
)
def test_an_answer_is_written_run_and_checked(page, reduce, verdict, goes_on):
    exercise, check = tagged(page, "exercise"), tagged(page, "check")
    cell(page, exercise).locator(".cm-content").click()
    for key in ("Control+End", "Shift+Home"):  # its last line
        page.keyboard.press(key)
    page.keyboard.type(ANSWER.format(reduce))
    for _ in (exercise, check):
        page.keyboard.press("Shift+Enter")
    assert goes_on in says(page, check, verdict)


def test_a_screen_reader_is_told_what_the_figures_show(page):
    stored = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    outputs = [output for cell in stored.cells for output in cell.get("outputs", []) if "data" in output]
    alts = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.data]
    titles = page.locator("summary", has_text="The figure in words")
    assert titles.count() == len(alts) > 1
    for title, alt in zip(titles.all(), alts, strict=True):
        title.scroll_into_view_if_needed()
        assert ("The figure in words", None) in accessible(page, "DisclosureTriangle")
        assert (alt, None) not in accessible(page, "StaticText")
        title.click()
        assert (alt, None) in accessible(page, "StaticText")


def test_a_screen_reader_is_told_where_the_slider_stands(page):
    handle = page.get_by_role("slider")
    handle.scroll_into_view_if_needed()
    [(_, value)] = accessible(page, "slider")  # ipywidgets gives it no name
    assert value == pytest.approx(float(handle.get_attribute("aria-valuenow")))


def test_training_is_interrupted_and_the_kernel_goes_on(page):
    place = tagged(page, "check")
    cell(page, place).locator(".jp-InputPrompt").click()
    for key in ("b", "Enter"):  # a cell below, to write in
        page.keyboard.press(key)
    page.keyboard.type("fit(model, data.train, epochs=1000)")
    page.keyboard.press("Alt+Enter")  # run it, and write in one below
    says(page, place + 1, "step/s")  # the bar moves
    page.get_by_role("button", name="Interrupt the kernel").click()
    assert "The model keeps its weights" in says(page, place + 1, "TrainingInterrupted")
    page.wait_for_function(IDLE)
    cell(page, place + 2).locator(".cm-content").click()
    page.keyboard.type("print(6 * 7, model.history.interrupted)")
    page.keyboard.press("Shift+Enter")
    says(page, place + 2, "42 True")


def test_nothing_is_asked_for_outside_the_machine(lab, page):
    assert not lab.outside
    assert not [url for url in lab.asked if url.startswith((f"{lab.local}lab/api/news", f"{lab.local}lab/api/update"))]
    with pytest.raises(BlockingIOError):  # nobody called the proxy
        lab.proxy.accept()
    # And if something were asked for, it would be noticed.
    assert page.evaluate("fetch('http://192.0.2.1/').catch(() => 'refused')") == "refused"
    assert lab.outside == ["http://192.0.2.1/"]


def test_the_server_has_nothing_to_warn_of(lab, page):
    said = lab.log.read_text()
    assert "work/00_start_here.ipynb: copied" in said
    assert "[W " not in said and "WARN" not in said and "[E " not in said, said
