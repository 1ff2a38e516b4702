"""Loading and downloading: what is whole is loaded, and whatever is wrong is named."""

import errno
import gzip
import hashlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from vae_helpers.data import download, raw_files
from vae_helpers.data import images as data_images
from vae_helpers.data.download import DownloadError
from vae_helpers.data.images import load_images
from vae_helpers.data.raw_files import RAW_FILES, CorruptDataError, missing_files

IMAGES, LABELS = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def raw_file(shape):
    """A whole raw file of this shape: pixels or labels 0, 1, ..., 9, 0, ..."""
    header = b"".join(n.to_bytes(4, "big") for n in (0x0800 + len(shape), *shape))
    return header + bytes(i % 10 for i in range(torch.Size(shape).numel()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder and a MNIST of 60 + 20 images; returns where its raw files belong."""
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path / "data"))
    for name, (n, *size) in list(RAW_FILES.items()):
        monkeypatch.setitem(RAW_FILES, name, (60 if n == 60_000 else 20, *size))
    return raw_files.raw_folder("mnist")


@pytest.fixture
def tiny_mnist(folder):
    folder.mkdir(parents=True)
    for name, shape in RAW_FILES.items():
        (folder / name).write_bytes(raw_file(shape))
    return folder


@pytest.fixture
def few_strokes(tmp_path, monkeypatch):
    """Few strokes, and a cache of their own; returns the files of the cache."""
    files = [tmp_path / "first" / "strokes.pt", tmp_path / "second" / "strokes.pt"]
    monkeypatch.setattr(data_images, "STROKES", (30, 10))
    monkeypatch.setattr(data_images, "_cache_files", lambda: files)
    return files


# --- loading ---


def test_loads_what_the_files_hold(tiny_mnist, capsys):
    images = load_images("mnist")
    assert images.train.shape == (60, 1, 28, 28) and images.test.shape == (20, 1, 28, 28)
    assert images.train.dtype == torch.float32 and images.train_labels.dtype == torch.int64
    assert images.train.flatten()[:12].mul(255).round().tolist() == [*range(10), 0, 1]
    assert images.test_labels.tolist() == [*range(10), *range(10)]
    assert (images.name, images.train_factors) == ("mnist", None)
    assert capsys.readouterr().out == "Data: mnist, 60 + 20 images (from $VAE_DATA_DIR)\n"


def test_no_name_prefers_mnist(tiny_mnist):
    assert load_images().name == "mnist"


def test_no_name_falls_back_on_strokes(folder, few_strokes, capsys):
    assert load_images().name == "strokes"
    assert "`make data` fetches it" in capsys.readouterr().out


def test_unknown_name():
    with pytest.raises(ValueError, match="'minst'.*'mnist', 'fashion_mnist', 'strokes'"):
        load_images("minst")


def test_missing_data_says_what_to_do(folder):
    with pytest.raises(FileNotFoundError, match="make data.*VAE_DATA_DIR.*strokes"):
        load_images("mnist")


def test_a_relative_folder_starts_at_the_repository(monkeypatch):
    monkeypatch.setenv("VAE_DATA_DIR", "some/folder")
    assert raw_files.data_dir() == data_images.ROOT / "some/folder"
    monkeypatch.delenv("VAE_DATA_DIR")
    assert raw_files.data_dir() == data_images.ROOT / "data"


@pytest.mark.parametrize(
    ("file", "spoil", "complaint"),
    [
        (IMAGES, lambda whole: b"", "0 bytes, and 47,056 were expected"),
        (IMAGES, lambda whole: whole[:-1], "47,055 bytes, and 47,056 were expected"),
        (IMAGES, lambda whole: whole + b"\0", "47,057 bytes"),
        (IMAGES, lambda whole: b"\0\0\x08\x01" + whole[4:], "its header is 00000801"),
        (
            IMAGES,
            lambda whole: whole[:7] + b"\x3b" + whole[8:],
            "0000003b .* 0000003c .* was expected",
        ),
        (IMAGES, lambda whole: b"\n<!DOCTYPE html><html>Log in</html>", "a web page"),
        (LABELS, lambda whole: gzip.compress(whole)[:-9], "cannot be unpacked"),
        (LABELS, lambda whole: whole[:8] + bytes(len(whole) - 8), "only 1 of the ten labels occur"),
        (IMAGES, lambda whole: whole[:16] + bytes(len(whole) - 16), "every pixel in it is 0"),
        (LABELS, lambda whole: whole[:-1] + b"\x0a", "a label is 10"),
    ],
    ids=[
        "empty",
        "truncated",
        "too long",
        "wrong magic",
        "wrong count",
        "html",
        "packed",
        "one label",
        "blank",
        "label",
    ],
)
def test_a_damaged_file_is_named(tiny_mnist, file, spoil, complaint):
    path = tiny_mnist / file
    path.write_bytes(spoil(path.read_bytes()))
    for name in ("mnist", None):  # not even without a name is it passed over
        with pytest.raises(CorruptDataError, match=complaint) as error:
            load_images(name)
        assert str(path) in str(error.value) and "make data" in str(error.value)


@pytest.mark.parametrize("spelled", [lambda f: f.replace("-idx", ".idx"), lambda f: f"{f}.gz", lambda f: f])
def test_other_spellings_and_packed_files_are_read(tiny_mnist, spelled):
    expected = load_images("mnist")
    for name in RAW_FILES:
        content = (tiny_mnist / name).read_bytes()
        (tiny_mnist / name).unlink()
        (tiny_mnist / spelled(name)).write_bytes(
            gzip.compress(content) if spelled(name) != name.replace("-idx", ".idx") else content
        )
    assert torch.equal(load_images("mnist").train, expected.train) and load_images().name == "mnist"


@pytest.mark.parametrize("below", ["MNIST", "MNIST/raw"])
def test_a_folder_that_is_named_too_deep_is_understood(tiny_mnist, monkeypatch, below):
    monkeypatch.setenv("VAE_DATA_DIR", str(tiny_mnist.parents[1] / below))
    assert load_images().name == "mnist" and missing_files("fashion_mnist")


def test_where_nothing_was_found_is_said(few_strokes, monkeypatch, capsys):
    monkeypatch.setenv("VAE_DATA_DIR", "no/such/folder")
    load_images()
    assert "MNIST is not in VAE_DATA_DIR=no/such/folder" in capsys.readouterr().out


# --- strokes and their cache ---


def test_strokes_come_with_labels_and_factors(few_strokes):
    images = load_images("strokes")
    assert images.train.shape == (30, 1, 28, 28) and images.test.shape == (10, 1, 28, 28)
    assert 0 == images.train.min() < images.train.max() <= 1
    assert torch.equal(images.train_factors["label"], images.train_labels)
    assert not torch.equal(images.train[:10], images.test)


@pytest.mark.parametrize("damage", [None, b"", b"PK\x03\x04 and no more", "few"])
def test_strokes_are_read_from_a_whole_cache_only(few_strokes, monkeypatch, damage):
    first = load_images("strokes")
    assert [path.exists() for path in few_strokes] == [True, False]
    if damage is None:
        monkeypatch.setattr(data_images, "draw_strokes", None)  # it is not called again
    elif damage == "few":
        torch.save([data_images.draw_strokes(n, seed) for n, seed in ((20, 0), (10, 1))], few_strokes[0])
    else:
        few_strokes[0].write_bytes(damage)
    again = load_images("strokes")
    assert torch.equal(first.train, again.train) and torch.equal(first.test_labels, again.test_labels)
    assert [path.name for path in few_strokes[0].parent.iterdir()] == ["strokes.pt"]


def test_strokes_need_no_place_to_be_kept(few_strokes):
    for path in few_strokes:
        path.parent.write_text("a file where the folder should be")
    assert len(load_images("strokes").train) == 30


def test_the_cache_has_a_version_in_its_name():
    first, second = data_images._cache_files()
    assert torch.__version__ in first.name and first.name == second.name
    assert first.parent == data_images.ROOT / "data"


def test_an_interrupted_write_leaves_nothing_new(tmp_path):
    (tmp_path / "file").write_text("old")

    def interrupted(temporary):
        temporary.write_text("half of the ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data_images.write_atomically(tmp_path / "file", interrupted)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


# --- downloading ---


@pytest.fixture
def mirror(folder, monkeypatch):
    """A server with the .gz files of the tiny MNIST; its `files` and `answer` may be spoilt."""
    files = {f"/{name}.gz": gzip.compress(raw_file(shape)) for name, shape in RAW_FILES.items()}
    checksums = {path[1:]: hashlib.md5(content).hexdigest() for path, content in files.items()}
    monkeypatch.setattr(download, "_addresses", lambda name: ([], checksums))
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.answer(self, self.server.files[self.path])

        def log_message(self, *_):
            pass

    def answer(request, content):
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.files, server.answer = True, files, answer
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def everything_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_can_be_loaded(folder, mirror):
    assert download.download("mnist", 10, mirror.url) == folder
    assert everything_in(folder) == sorted(RAW_FILES)
    assert len(load_images("mnist").train) == 60


def test_a_folder_is_a_mirror_too(folder, mirror, tmp_path):
    for path, content in mirror.files.items():
        (tmp_path / path[1:]).write_bytes(content)
    download.download("mnist", 10, tmp_path.as_uri())
    assert not missing_files("mnist")


def test_only_what_is_missing_or_damaged_is_fetched(tiny_mnist, mirror):
    mirror.answer, answer = lambda request, content: request.send_error(500), mirror.answer
    download.download("mnist", 10, mirror.url)  # all is there: nothing is asked for
    (tiny_mnist / IMAGES).write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="500"):
        download.download("mnist", 10, mirror.url)
    mirror.answer = answer
    del mirror.files[f"/{LABELS}.gz"]  # would fail if it were asked for
    download.download("mnist", 10, mirror.url)
    assert load_images("mnist").name == "mnist"


def truncated(request, content):
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content[: len(content) // 2])


def silent(request, content):
    time.sleep(5)


def dripping(request, content):
    request.send_response(200)
    request.end_headers()
    for byte in content[:500]:
        request.wfile.write(bytes([byte]))
        request.wfile.flush()
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (
            lambda request, content: request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n<html>"),
            "checksum differs",
        ),
        (lambda request, content: request.send_error(404), "404"),
        (lambda request, content: request.wfile.write(b"what?"), "what?"),
        (lambda request, content: None, "without response"),
        (truncated, "broke .* before the end"),
        (silent, "no complete answer in time"),
        (dripping, "no complete answer in time"),
    ],
    ids=["wrong content", "not found", "not http", "no answer", "truncated", "silent", "dripping"],
)
def test_a_failed_download_says_why_and_leaves_nothing(folder, mirror, answer, complaint):
    mirror.answer = answer
    begin = time.monotonic()
    with pytest.raises(DownloadError, match=complaint) as error:
        download.download("mnist", 1, mirror.url)
    assert time.monotonic() - begin < 3
    for advice in ("https_proxy", "--mirror", str(folder), IMAGES, "strokes"):
        assert advice in str(error.value)
    assert everything_in(folder.parents[2]) == []


def test_a_mirror_that_stalls_leaves_time_for_the_next(mirror, monkeypatch):
    _, checksums = download._addresses("mnist")
    with socket.create_server(("127.0.0.1", 0)) as stalled:  # takes the connection and never answers
        url = f"http://127.0.0.1:{stalled.getsockname()[1]}"
        monkeypatch.setattr(download, "_addresses", lambda name: ([mirror.url + "/"], checksums))
        lines = []
        download.download("mnist", 20, url, report=lines.append)
    assert not missing_files("mnist") and len(lines) == 4 and "file 1 of 4" in lines[0]


def test_a_dead_mirror_is_passed_over(mirror, monkeypatch):
    _, checksums = download._addresses("mnist")
    monkeypatch.setattr(download, "_addresses", lambda name: ([mirror.url + "/"], checksums))
    download.download("mnist", 10, "http://127.0.0.1:1")
    assert not missing_files("mnist")


def test_a_name_server_that_hangs_is_given_up(mirror, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(5))
    begin = time.monotonic()
    with pytest.raises(DownloadError, match="no complete answer in time"):
        download.download("mnist", 0.5, "http://some.host")
    assert time.monotonic() - begin < 3


def test_downloads_at_once_do_not_disturb_each_other(folder, mirror):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: download.download("mnist", 10, mirror.url), range(4)))
    assert everything_in(folder) == sorted(RAW_FILES)
    assert len(load_images("mnist").test) == 20


def test_a_folder_that_cannot_be_written(folder, mirror):
    folder.parents[1].write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="could not be stored in .*VAE_DATA_DIR="):
        download.download("mnist", 10, mirror.url)


def test_a_full_disk(folder, mirror, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(DownloadError, match="No space left on device. Make room"):
        download.download("mnist", 10, mirror.url)
    assert everything_in(folder) == []


def test_strokes_cannot_be_downloaded():
    with pytest.raises(ValueError, match="'strokes' cannot be downloaded"):
        download.download("strokes")


def test_the_command_line(folder, mirror, capsys):
    mirror.answer, answer = lambda request, content: request.send_error(403), mirror.answer
    failing = ["mnist", "--timeout", "5", "--mirror", mirror.url]
    assert download.main(failing) == 1
    assert "What to do next" in capsys.readouterr().err
    assert download.main([*failing, "--try"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("fetching mnist, file 1 of 4") and out.count("\n") == 2 and not err
    assert "drawn digits will be used" in out
    mirror.answer = answer
    assert download.main(failing) == 0
    assert not missing_files("mnist")


# --- the real ones, where they are on disk ---


@pytest.mark.mnist
@pytest.mark.skipif(bool(missing_files("mnist")), reason="MNIST is not on disk (make data)")
def test_real_mnist():
    from torchvision.datasets import MNIST

    images = load_images("mnist")
    assert images.train.shape == (60_000, 1, 28, 28) and images.test.shape == (10_000, 1, 28, 28)
    assert images.train.min() == 0 and images.train.max() == 1
    reference = MNIST(raw_files.data_dir(), train=False, download=False)
    assert torch.equal(images.test[:, 0].mul(255).round().byte(), reference.data)
    assert torch.equal(images.test_labels, reference.targets)
    assert images.train_labels.bincount().tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]  # fmt: skip


def test_torchvision_still_has_the_addresses():
    for name in raw_files.FOLDERS:
        mirrors, checksums = download._addresses(name)
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in mirrors)
        assert sorted(checksums) == sorted(f"{file}.gz" for file in RAW_FILES)
