"""Copies of the notebooks for Colab, whose first cell installs the package: build/colab, with a page of links.

    python -m docs.colab                                         # the address is `repository-code` in CITATION.cff
    python -m docs.colab --repository https://github.com/you/fork --branch mine

Colab opens what lies on GitHub, so the copies are to be pushed to a branch of their own, `colab`; the page says how.
The notebooks of the course stay as they are: they install nothing.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import yaml

from tests.form import PATHS, as_json, read
from vae_helpers.files import ROOT

COPIES = "colab"
SETUP = """\
# Only on Colab: install the course's package, once in a session (half a minute).
import os
import torch
if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 8):
    raise RuntimeError(f"the course needs PyTorch 2.8 or newer, and this runtime has {{torch.__version__}}")
%pip install -q constriction
%pip install -q --no-deps "vae-helpers @ git+{repository}@{branch}"
os.environ["VAE_DATA_DIR"] = "/content/data"
!python -m vae_helpers.data.download mnist --try --timeout 20"""
LINK = re.compile(r"\]\((\d\d_\w+\.ipynb)(#[^)]*)?\)")


def repository() -> str:
    """Where the course lies, as CITATION.cff says.

    Raises:
        SystemExit: if it does not say.
    """
    stated = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")).get("repository-code")
    if not stated:
        raise SystemExit("CITATION.cff has no `repository-code`: add the address there, or give --repository")
    return stated


def colab_link(address: str, file: str) -> str:
    """The link that opens a copy in Colab.

    Args:
        address: of the repository on GitHub.
        file: the notebook's name.

    Raises:
        ValueError: if the address is not one of GitHub's.

    Example:
        >>> colab_link("https://github.com/me/vae", "00.ipynb")
        'https://colab.research.google.com/github/me/vae/blob/colab/00.ipynb'
    """
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", address)
    if not found:
        raise ValueError(f"Colab opens repositories such as https://github.com/OWNER/NAME, got {address!r}")
    return f"https://colab.research.google.com/github/{found[1]}/blob/{COPIES}/{file}"


def copy(notebook: dict, address: str, branch: str) -> dict:
    """A notebook with the cell that installs, and with links that open its neighbours in Colab.

    Args:
        notebook: as read from its file; it is not changed.
        address: of the repository.
        branch: whose package is installed.
    """
    new = json.loads(json.dumps(notebook))
    for cell in new["cells"]:
        if cell["cell_type"] == "markdown":
            text = LINK.sub(lambda link: f"]({colab_link(address, link[1])}{link[2] or ''})", "".join(cell["source"]))
            cell["source"] = text.splitlines(keepends=True)
    setup = SETUP.format(repository=address, branch=branch).splitlines(keepends=True)
    first = {"cell_type": "code", "id": "colab-setup", "metadata": {"tags": ["colab"]}, "source": setup}
    new["cells"].insert(1, {**first, "execution_count": None, "outputs": []})
    return new


def write(folder: Path, address: str, branch: str) -> None:
    """Write all copies and the page of links.

    Args:
        folder: made anew.
        address: of the repository.
        branch: whose package the copies install.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = [f"# The course in Colab\n\nMade from the branch `{branch}` by `python -m docs.colab`.\n"]
    for path in PATHS:
        (folder / path.name).write_text(as_json(copy(read(path), address, branch)), encoding="utf-8")
        lines.append(f"- [{path.stem}]({colab_link(address, path.name)})")
    lines.append(
        f"\nTo publish, from this folder: `git init -b {COPIES} && git add . && git commit -m 'Copies for Colab' &&\n"
        f"git push --force {address} {COPIES}`. That replaces the branch `{COPIES}`, and nothing else."
    )
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", help="its address (default: repository-code in CITATION.cff)")
    parser.add_argument("--branch", default="main", help="whose package the copies install (default: main)")
    args = parser.parse_args()
    folder = ROOT / "build" / "colab"
    write(folder, args.repository or repository(), args.branch)
    print(f"{len(PATHS)} copies and a page of links in {folder}")


if __name__ == "__main__":
    main()
