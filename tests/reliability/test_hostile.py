"""What somebody may try who wants to do harm: code in files, names that lead elsewhere, bombs, requests to the page."""

import io
import os
import pickle
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from drbn_lightning import enhance, export
from drbn_lightning.assembly import load_used
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.photo import read_photograph
from drbn_lightning.images.rgb import read_rgb, write_png
from drbn_lightning.metrics.lpips import LPIPS
from drbn_lightning.networks.vgg import VGG16Features
from drbn_lightning.page import build_parser
from drbn_lightning.tasks.evaluate import evaluate
from drbn_lightning.tasks.page import Work
from drbn_lightning.tasks.train import train
from tests.images.test_raw import dng
from tests.processes import ended, wait_for
from tests.reliability.forked import Forked
from tests.running import TINY_SCENES, composed, published, tiny
from tests.test_page import address, dark_photo

pytestmark = [pytest.mark.reliability, pytest.mark.filterwarnings("ignore:Detected pickle protocol")]


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


@pytest.fixture(params=["pickle", "torch", "torch before 1.6", "in a header"])
def payload(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """A file that makes the folder `trace` beside it where it is unpickled."""
    code: Any = Code(tmp_path / "trace")
    if request.param == "pickle":
        return pickle.dumps(code)
    file = io.BytesIO()
    value = {"drbn_lightning": {"format": 1, "network": code}, "state_dict": {}} if "header" in request.param else code
    torch.save(value, file, _use_new_zipfile_serialization="before" not in request.param)
    return file.getvalue()


def readers(folder: Path, bad: Path) -> dict[str, Callable[[], object]]:
    """Every place of every command that reads a checkpoint or weights, given `bad`."""
    good, photo, words = (
        published(folder / "networks"),
        folder / "photo.png",
        ["stage=recompose", f"uses.quality={bad}"],
    )
    write_png(photo, np.zeros((8, 8, 3), np.uint8))
    out = ["-o", str(folder / "out.png"), "--device", "cpu"]

    def evaluated(*words: str) -> Callable[[], object]:
        fixed = ("device=cpu", "metrics=[psnr]", "images=0", *TINY_SCENES[4:])
        return lambda: evaluate(composed(folder / "report", *fixed, *words, name="evaluate"))

    def status(made: int) -> None:
        if made:
            raise DRBNError(f"refused: {bad}")  # the message itself is on standard error

    (folder / "results").mkdir()
    for number in range(2):
        (folder / "results" / f"{number:05}.png").write_bytes(bad.read_bytes())
    return {
        "train init": lambda: train(tiny(folder / "run", f"init={bad}"), "band", [], publish=False),
        "train resume": lambda: train(tiny(folder / "run", f"resume={bad}"), "band", [], publish=False),
        "train uses.band": lambda: load_used(composed(folder / "run", "stage=recompose", f"uses.band={bad}")),
        "train uses.quality": lambda: load_used(composed(folder / "run", *words, f"uses.band={good / 'band.pt'}")),
        "train perceptual.weights": lambda: VGG16Features(weights=str(bad)),
        "evaluate checkpoint": evaluated(f"checkpoint={bad}"),
        "evaluate band": evaluated(f"checkpoint={bad}", f"band={bad}"),
        "evaluate quality_model": evaluated(f"checkpoint={good / 'band.pt'}", f"quality_model={bad}"),
        "evaluate predictions": evaluated("checkpoint=[]", f"predictions={folder / 'results'}"),
        "evaluate lpips.weights": lambda: LPIPS("alex", str(bad)),
        "enhance --checkpoint": lambda: status(enhance.main([str(photo), *out, "--checkpoint", str(bad)])),
        "enhance a photo": lambda: status(enhance.main([str(bad), *out, "--checkpoint", str(good / "band.pt")])),
        "export --checkpoint": lambda: status(export.main(["-o", str(folder / "a.onnx"), "--checkpoint", str(bad)])),
        "page --checkpoint": lambda: Work(folder, build_parser().parse_args(["--checkpoint", str(bad)])),
    }


@pytest.mark.parametrize("suffix", [".ckpt", ".pt"])
def test_code_in_a_file_never_runs(tmp_path: Path, payload: bytes, suffix: str) -> None:
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(payload)
    for name, read in readers(tmp_path, bad).items():
        with pytest.raises(DRBNError) as refusal:
            read()
        assert any(word in str(refusal.value) for word in (str(bad), "results")), (name, str(refusal.value))
        assert not (tmp_path / "trace").exists(), name
    pickle.loads(pickle.dumps(Code(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()  # that is what the code would have left


def test_results_stay_in_their_folder_and_names_do_not_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, elsewhere, out = tmp_path / "photos", tmp_path / "elsewhere", tmp_path / "out"
    for name in ("..png", "-o.png", "a\nb.png", "\x1b]0;owned\x07.png", "..\\..\\c.png", "%2e%2e%2fd.png", "~.png"):
        write_png(photos / name, np.zeros((4, 4, 3), np.uint8))
    write_png(elsewhere / "far.png", np.zeros((4, 4, 3), np.uint8))
    (photos / "link").symlink_to(elsewhere, target_is_directory=True)
    (photos / "round").symlink_to(photos, target_is_directory=True)
    (photos / "\x1b[31mbad.png").write_bytes(b"no image")
    before = {path for path in tmp_path.rglob("*") if out not in path.parents}
    checkpoint = str(published(tmp_path / "networks") / "band.pt")
    words = [str(photos), "-o", str(out), "--recursive", "--checkpoint", checkpoint, "--device", "cpu", "--compare"]
    assert enhance.main(words) == 1
    made = {path for path in tmp_path.rglob("*") if out not in path.parents} - before
    assert made <= {out, *(tmp_path / "networks").rglob("*"), tmp_path / "networks"}
    assert len([path for path in out.rglob("*") if path.is_file()]) == 2 * 5  # but hidden ones
    said = capsys.readouterr()
    assert "\\x1b[31mbad.png" in said.err
    assert not {"\x1b", "\x07"} & set(said.err + said.out)


def _png(width: int, height: int, depth: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of a width and height, whose pixels are some zeros."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    every = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(bytes(1 << 20))), (b"IEND", b"")]
    made = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in every
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def _zeros(amount: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(amount >> 20)), packer.flush()])


def _tiff(folder: Path, **tags: int) -> bytes:
    """A TIFF file of 16 x 16 pixels that says something else of itself."""
    tifffile.imwrite(folder / "a.tif", np.zeros((16, 16), np.uint8), compression="zlib", metadata=None)
    with tifffile.TiffFile(folder / "a.tif", mode="r+") as file:
        for name, value in tags.items():
            file.pages[0].tags[name].overwrite(value)  # type: ignore[union-attr]  # it is a page
    return (folder / "a.tif").read_bytes()


def _scans(count: int) -> bytes:
    """A progressive JPEG file whose last scan comes again and again."""
    file = io.BytesIO()
    Image.new("L", (8000, 8000)).save(file, "JPEG", progressive=True)
    last = file.getvalue().rindex(b"\xff\xda")
    return file.getvalue()[:last] + file.getvalue()[last:-2] * count + b"\xff\xd9"


def bombs(folder: Path) -> dict[str, bytes]:
    """Small files that would become large."""
    gigabyte, head = _zeros(1 << 30), io.BytesIO()
    lossless = b"\0VP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(8)
    Image.new("RGB", (16, 16)).save(head, "JPEG")
    place = head.getvalue().index(b"\xff\xc0") + 5
    dng(folder / "a.dng")
    with tifffile.TiffFile(folder / "a.dng", mode="r+") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[name].overwrite(60000)  # type: ignore[union-attr]
    return {
        "pixels.png": _png(60000, 60000, 8, 2),
        "bits.png": _png(1 << 30, 1 << 30, 1, 0),
        "deep.png": _png(60000, 60000, 16, 6),
        "missing.png": _png(13000, 13000, 16, 6),
        "text.png": _png(8, 8, 8, 2, (b"zTXt", b"Comment\0\0" + gigabyte)),
        "texts.png": _png(8, 8, 8, 2, *[(b"zTXt", b"Comment\0\0" + _zeros(60 << 20))] * 20),
        "international.png": _png(8, 8, 8, 2, (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + gigabyte)),
        "profile.png": _png(8, 8, 8, 2, (b"iCCP", b"name\0\0" + gigabyte)),
        "exif.png": _png(8, 8, 8, 2, (b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 271, 2, 1 << 31, 8))),
        "pixels.jpg": head.getvalue()[:place] + b"\xff\xff\xff\xff" + head.getvalue()[place + 4 :],
        "scans.jpg": _scans(1000),
        "pixels.tif": _tiff(folder, ImageWidth=60000, ImageLength=60000, RowsPerStrip=60000),
        "strips.tif": _tiff(folder, ImageLength=170000, RowsPerStrip=1),
        "samples.tif": _tiff(folder, SamplesPerPixel=65535),
        "pixels.dng": (folder / "a.dng").read_bytes(),
        "pixels.gif": b"GIF89a\xff\xff\xff\xff\x80\0\0"
        + bytes(6)
        + b"\x2c"
        + bytes(4)
        + b"\xff\xff\xff\xff\0\2\2L\1\0;",
        "pixels.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 1, 1, 0, 0),
        "pixels.webp": b"RIFF\x26\0\0\0WEBPVP8X\x0a" + bytes(7) + b"\xff" * 5 + lossless,
    }


MEMORY = 1536 << 20
"""Bytes for a bomb, beyond what the process has: an image of twice Pillow's limit takes about a gigabyte."""


def test_bombs_take_neither_memory_nor_time(tmp_path: Path) -> None:
    read_rgb(dark_photo(tmp_path / "a.png"))

    def looked_at(path: Path) -> tuple[str, ...]:
        said = []
        for read in (read_rgb, read_photograph):
            try:
                read(path)
                said.append("read")
            except DRBNError as error:
                said.append(str(error))
        return tuple(said)

    with Forked(looked_at, deadline=40, memory=MEMORY) as child:
        for name, content in bombs(tmp_path).items():
            assert len(content) < 4 << 20
            (tmp_path / name).write_bytes(content)
            outcome = child(tmp_path / name)
            assert len(outcome) == 2, (name, outcome)
            assert outcome[0] not in ("hang", "crash", "fault"), (name, outcome)
            assert not any("more memory" in said for said in outcome), (name, outcome)
            assert all(str(tmp_path / name) in said for said in outcome if said != "read"), (name, outcome)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The page in a process of its own: its port, and the folder that holds all its files."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "tmp").mkdir()
    checkpoint = str(published(folder) / "band.pt")
    words = ["--checkpoint", checkpoint, "--device", "cpu", "--port", "0", "--max-upload", "1"]
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "drbn_lightning.page", *words],
            stdout=said,
            env=os.environ | {"TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    with ended(process):
        wait_for(lambda: address(folder / "said.txt"), process)
        yield int(str(address(folder / "said.txt")).rstrip("/").rpartition(":")[2]), folder


def asked(port: int, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """The status and the content of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if body is None else "POST", path, body, named)
    answer = connection.getresponse()
    return answer.status, answer.read()


def uploaded(port: int, name: str, content: bytes) -> tuple[int, bytes]:
    """What the page says to a file."""
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--x--\r\n"
    return asked(port, "/gradio_api/upload", body, Content_Type="multipart/form-data; boundary=x")


def test_the_page_gives_no_file_but_its_own(served: tuple[int, Path]) -> None:
    port, folder = served
    secret = folder / "secret.txt"
    secret.write_text("secret of the user")
    up = "../" * 12
    for path in (
        "/etc/passwd", str(secret), f"{folder}/tmp/{up}etc/passwd", f"{up}etc/passwd", "//etc/passwd", "file:///etc/passwd",
        "%2e%2e%2f" * 12 + "etc%2fpasswd", f"{folder / 'band.pt'}", sys.executable, "pyproject.toml",
    ):  # fmt: skip
        for route in ("/gradio_api/file=", "/file=", "/static/", "/assets/", "/gradio_api/file/", "/theme.css?v=", "/"):
            status, content = asked(port, route + path)
            assert b"root:" not in content, (route, path)
            assert b"secret of the user" not in content, (route, path)
            assert status != 200 or route == "/theme.css?v=", (route, path)


def test_the_page_answers_its_own_machine_only(served: tuple[int, Path]) -> None:
    port, _ = served
    assert asked(port, "/")[0] == 200
    assert asked(port, "/", Host="evil.example")[0] == 403
    assert asked(port, "/gradio_api/upload", b"", Origin="https://evil.example")[0] == 403
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((own, port), timeout=60)


def test_the_page_takes_no_large_file_and_no_path(served: tuple[int, Path]) -> None:
    port, folder = served
    before = {path for path in folder.rglob("*") if folder / "tmp" not in path.parents}
    assert uploaded(port, "large.png", bytes((1 << 20) + 1))[0] in (413, 500)
    for name in ("../../../escaped.png", "/tmp/escaped.png", "..", "a/../../../../escaped.png", "%2e%2e%2fescaped.png"):
        uploaded(port, name, b"content")
    assert {path for path in folder.rglob("*") if folder / "tmp" not in path.parents} == before
    assert not Path("/tmp/escaped.png").exists()
    sizes = [path.stat().st_size for path in (folder / "tmp").rglob("*") if path.is_file()]
    assert max(sizes) <= 1 << 20
