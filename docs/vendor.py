"""JavaScript that pages and decks carry with them, kept in git in docs/javascript: a clean clone needs no network.

    python -m docs.vendor          # fetch from the npm registry what is missing, or pinned anew

Every package is pinned by version and by the sha512 of its tarball; a file that does not match is refused. Of a package
only the files that are used are kept, below docs/javascript/NAME.
"""

import base64
import fnmatch
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from vae_helpers.files import ROOT

VENDOR = ROOT / "docs" / "javascript"
REGISTRY = "https://registry.npmjs.org"


class Package(NamedTuple):
    """A package of the npm registry: name, version, sha512 of its tarball, and patterns of the files to keep."""

    name: str
    version: str
    sha512: str
    files: tuple[str, ...]


PACKAGES = (
    Package(
        "reveal.js",
        "6.0.2",
        "JYIg5D9aoxoaLeb84O+OvAwsKWdIavVgEDScxtYEXFCT6t6TQrhNtSgogcjdCpdLsWglhJn3zyE3fUOwiH5KEg==",
        ("LICENSE", "dist/reveal.js", "dist/reveal.css", "dist/reset.css", "dist/plugin/notes.js"),
    ),
    Package(
        "mathjax",
        "3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        ("LICENSE", "es5/tex-svg.js", "es5/a11y/assistive-mml.js"),
    ),
    Package(  # only for tests: it looks for what a reader with a screen reader or a keyboard would miss
        "axe-core",
        "4.14.1",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        ("LICENSE", "axe.min.js"),
    ),
)


def vendored(name: str) -> Path:
    """The folder of a package of the table, fetched if it is not there yet.

    Args:
        name: as in the table.

    Returns:
        docs/javascript/NAME, in which the files lie under the paths that they have in the package.

    Raises:
        KeyError: if the table has no such package.
        RuntimeError: if it cannot be fetched, or is not what was pinned.
    """
    package = {package.name: package for package in PACKAGES}[name]
    folder = VENDOR / name
    stamp = folder / ".version"
    wanted = "\n".join((package.version, package.sha512, *package.files))
    if not (stamp.exists() and stamp.read_text() == wanted):
        VENDOR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=VENDOR) as scratch:
            tarball = fetch(package, Path(scratch))
            unpack(package, tarball, Path(scratch) / "kept")
            (Path(scratch) / "kept" / ".version").write_text(wanted)
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            (Path(scratch) / "kept").rename(folder)
    return folder


def fetch(package: Package, folder: Path) -> Path:
    """The tarball of a package, by npm where it is installed (it knows a registry of one's own), else by its address.

    Raises:
        RuntimeError: if there is no network, or if the tarball is not the pinned one.
    """
    last = package.name.split("/")[-1]
    tarball = folder / f"{last}-{package.version}.tgz"
    try:
        if shutil.which("npm"):
            command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
            found = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
            (folder / found).rename(tarball)
        else:
            address = f"{REGISTRY}/{package.name}/-/{tarball.name}"
            with urllib.request.urlopen(address, timeout=60) as answer:
                tarball.write_bytes(answer.read())
    except (OSError, subprocess.CalledProcessError) as failure:
        raise RuntimeError(
            f"{package.name} {package.version} is not in {VENDOR} and could not be fetched from the npm registry: "
            f"{getattr(failure, 'stderr', '') or failure}. Fetch once with a network: python -m docs.vendor"
        ) from failure
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != package.sha512:
        raise RuntimeError(f"{tarball.name} has the sha512 {found}, expected {package.sha512}: not the pinned package")
    return tarball


def unpack(package: Package, tarball: Path, folder: Path) -> None:
    """Write the files of the table into a folder.

    Raises:
        RuntimeError: if a pattern of the table fits no file.
    """
    kept = set()
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            name = member.name.split("/", 1)[-1]  # without "package/"
            fitting = {pattern for pattern in package.files if fnmatch.fnmatch(name, pattern)}
            if fitting and member.isfile():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(archive.extractfile(member).read())
                kept |= fitting
    if missing := set(package.files) - kept:
        raise RuntimeError(f"{package.name} {package.version} has no {', '.join(sorted(missing))}")


def main() -> None:
    """Fetch what is missing."""
    for package in PACKAGES:
        print(f"{package.name} {package.version}: {vendored(package.name)}")


if __name__ == "__main__":
    main()
