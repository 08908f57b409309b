"""The page, driven in a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from drbn_lightning import enhance, extras, page
from drbn_lightning.checkpoints.artifact import header, load, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.recomposition import FlatRecomposer
from drbn_lightning.terminal import INTERRUPTED
from tests.processes import HEARING, LIMIT, ended, wait_for
from tests.running import published

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path (chromium, google-chrome)")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT = 1000 * LIMIT  # milliseconds


def dark_photo(path: Path, size: tuple[int, int] = (90, 60)) -> Path:
    """A dark photo with EXIF data that turn it."""
    width, height = size
    values = np.random.default_rng(0).integers(0, 50, (height, width, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    Image.fromarray(values).save(path, exif=exif, quality=95)
    return path


def command_line(folder: Path, photo: Path, *options: str) -> bytes:
    """What `enhance` writes for a photo."""
    checkpoint = str(folder / "recompose.pt")
    result = folder / f"result{photo.suffix}"
    words = [str(photo), "-o", str(result), "--checkpoint", checkpoint, "--overwrite", "--quiet", *options]
    assert enhance.main(words) == 0
    return result.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of both stages, untrained."""
    made = published(tmp_path_factory.mktemp("page"))
    torch.manual_seed(0)
    arguments = {"channels": 2, "growth_rate": 1}
    description = NetworkDescription("drbn_lightning.networks.recomposition.FlatRecomposer", arguments)
    first = made / "band.pt"
    about = header("recompose", description, {}, [], {"band": load(first).reference(first)})
    save(made / "recompose.pt", about, FlatRecomposer(**arguments).state_dict())  # type: ignore[arg-type]
    return made


def serving(folder: Path) -> list[str]:
    """The command that shows the page on a free port."""
    options = ["--checkpoint", str(folder / "recompose.pt"), "--device", "cpu", "--port", "0"]
    return [sys.executable, "-m", "drbn_lightning.page", *options]


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[Any]"]]:
    """The page in a process of its own: its address, and the process."""
    (folder / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(serving(folder), stdout=said, env=environment, start_new_session=True)
    with ended(process):
        wait_for(lambda: address(folder / "said.txt"), process)
        yield str(address(folder / "said.txt")), process


def address(said: Path) -> str | None:
    """Where the page is, once it has said so."""
    found = re.search(r"http://\S+(?=\s)", said.read_text())
    return found[0] if found else None


@pytest.fixture
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=WAIT)
        yield chromium
        chromium.close()


def downloaded(tab: Any, into: Path, expected: bytes) -> str:  # noqa: ANN401  # playwright may be absent
    """Press the button until the file is the expected one, as the page answers a moment later; the file's name."""
    tab.locator("#download:not([disabled])").wait_for(timeout=WAIT)
    until = time.monotonic() + WAIT / 1000
    while True:
        with tab.expect_download(timeout=WAIT) as waiting:
            tab.locator("#download").click()
        waiting.value.save_as(into)
        if into.read_bytes() == expected:
            return str(waiting.value.suggested_filename)
        assert time.monotonic() < until, "the download is not what the command line writes"
        tab.wait_for_timeout(300)


@pytest.mark.slow
@needs_chromium
def test_photo_slide_download_and_bad_file(
    served: tuple[str, Any],
    browser: Any,  # noqa: ANN401  # playwright may be absent
    folder: Path,
    tmp_path: Path,
) -> None:
    address, process = served
    photo = dark_photo(tmp_path / "night photo.jpg")
    tab = browser.new_page(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    tab.set_default_timeout(WAIT)
    asked = list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    errors = list[str]()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(address)
    choose = tab.locator("#photo input[type=file]")

    choose.set_input_files(str(photo), timeout=WAIT)
    whole = command_line(folder, photo)
    assert downloaded(tab, tmp_path / "download.jpg", whole) == photo.name
    assert Image.open(tmp_path / "download.jpg").getexif()[0x010F] == "maker"

    handle = tab.locator("#images [data-testid=slider]")
    start = handle.bounding_box()
    tab.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(start["x"] - 60, start["y"] + start["height"] / 2, steps=4)
    tab.mouse.up()
    assert handle.bounding_box()["x"] < start["x"] - 20

    for _ in range(8):
        tab.locator("#strength input[type=range]").press("ArrowLeft")
    part = command_line(folder, photo, "--strength", "0.6")
    assert part != whole
    downloaded(tab, tmp_path / "download.jpg", part)

    tab.locator("#stage").get_by_label("Faithful").check()
    tab.locator("#ensemble input").check()
    averaged = command_line(folder, photo, "--strength", "0.6", "--stage", "band", "--self-ensemble")
    assert averaged != part
    downloaded(tab, tmp_path / "download.jpg", averaged)

    bad = tmp_path / "text.png"
    bad.write_text("I am no image")
    tab.locator("#photo button[aria-label=Clear]").click()
    choose.set_input_files(str(bad), timeout=WAIT)
    alert = tab.get_by_role("alert").filter(has_text="text.png")
    alert.wait_for(timeout=WAIT)
    assert "text.png is not an image of a known format" in alert.inner_text()
    assert str(folder) not in alert.inner_text()
    assert tab.locator("#download[disabled]").count() == 1

    assert not errors
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {address.split("/")[2]}
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT) == INTERRUPTED
    assert not list((folder / "tmp").iterdir())


def test_without_gradio_one_line_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(package: str, name: str) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        extras.extra(package, name)

    monkeypatch.setattr(page, "extra", missing)

    assert page.main([]) == 1
    complaint = capsys.readouterr().err
    assert "pip install 'drbn-lightning[page]'" in complaint
    assert complaint.count("\n") == 1


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        assert page.free_port("127.0.0.1", None) != port
        with pytest.raises(DRBNError, match=f"127.0.0.1:{port} .*--port"):
            page.free_port("127.0.0.1", port)


def test_nobody_asks_a_proxy_for_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "socks5://127.0.0.1:9", "all_proxy": "nonsense://"}
    for name, value in (proxies | {"no_proxy": "example.org"}).items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with page.without_proxies():
        assert not {name.lower() for name in os.environ} & {name.lower() for name in proxies}
        assert all(urllib.request.proxy_bypass(host) for host in ("127.0.0.1", "localhost", "a.name", "[::1]:80"))
    assert dict(os.environ) == before


@pytest.mark.slow
def test_the_page_comes_behind_a_proxy_and_without_a_home(folder: Path, tmp_path: Path) -> None:
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"), "socks5://127.0.0.1:9")
    environment = os.environ | {"TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1", "HOME": "/proc/none"} | proxies
    with subprocess.Popen(
        [*HEARING, *serving(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        said = process.communicate(timeout=LIMIT)[1]
    assert (process.returncode, "Traceback" in said) == (INTERRUPTED, False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--max-side", "0"], ["--max-upload", "much"], ["photo.jpg"]])
def test_a_wrong_command_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        page.main(words)


@pytest.mark.parametrize(("words", "limit"), [([], 40), (["--allow-large"], None)])
def test_large_photos_are_read_where_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, words: list[str], limit: int | None
) -> None:
    limits = list[int | None]()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    monkeypatch.setattr(page, "serve", lambda options, folder: limits.append(Image.MAX_IMAGE_PIXELS))
    assert page.main(words) == 0
    assert limits == [limit]
    assert Image.MAX_IMAGE_PIXELS == 40
