import errno
import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning import __version__, enhance
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import TEMPORARY_SUFFIX
from drbn_lightning.images.photo import read_photograph
from drbn_lightning.inference import loading
from drbn_lightning.names import DEFAULT_NETWORK
from drbn_lightning.types import Progress
from tests.processes import LIMIT, ended, wait_for
from tests.running import published

Pixels = NDArray[Any]


class Brighter:
    """Adds 20; what it was asked for is in `calls`."""

    def __init__(self) -> None:
        self.calls = list[tuple[int, ...]]()
        self.options = dict[str, Any]()
        self.info = "network: none"

    def enhance_array(self, rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        self.calls.append(rgb.shape)
        if progress is not None:
            progress(1, 2)
        brighter: Pixels = rgb + rgb.dtype.type(20)
        return brighter


@pytest.fixture
def brighter(monkeypatch: pytest.MonkeyPatch) -> Brighter:
    fake = Brighter()

    def load(checkpoint: str | None, **options: Any) -> Brighter:  # noqa: ANN401  # of several types
        fake.options = {"checkpoint": checkpoint, **options}
        return fake

    monkeypatch.setattr(loading, "load_enhancer", load)
    return fake


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def photo(name: str, level: int = 50, size: tuple[int, int] = (12, 8)) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level + 1, level + 2)).save(path)
    return path


def first_pixel(path: str) -> list[int]:
    return [int(value) for value in read_photograph(Path(path)).pixels[0, 0]]


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def png_with_a_huge_head(path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", 100_000, 100_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def bad_files(folder: Path) -> dict[str, str]:
    """Six files that cannot be enhanced, and their causes."""
    (folder / "empty.png").touch()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "truncated.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "truncated.jpg").read_bytes()[:3000])
    (folder / "text.png").write_text("I am no image")
    png_with_a_huge_head(folder / "huge.png")
    photo(str(folder / "locked.png")).chmod(0)
    Image.new("L", (9, 9)).save(folder / "moving.gif", save_all=True, append_images=[Image.new("L", (9, 9), 255)])
    return {
        "empty.png": "is empty",
        "truncated.jpg": "truncated or corrupt",
        "text.png": "not an image of a known format",
        "huge.png": "too many pixels",
        "locked.png": "Permission denied",
        "moving.gif": "an animation",
    }


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbids what is called locked: permissions do not bind the user that tests may run as."""
    original = Image.open

    def guarded(path: Path, *arguments: Any, **options: Any) -> Image.Image:  # noqa: ANN401  # as Pillow's
        if "locked" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Image, "open", guarded)


@pytest.mark.usefixtures("locked")
def test_twenty_good_files_and_six_bad_ones(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    checkpoint = published(tmp_path / "artifacts") / "band.pt"
    suffixes = ("jpg", "png", "webp", "tif", "bmp")
    good = [photo(f"night/{number}.{suffixes[number % 5]}", level=number) for number in range(20)]
    causes = bad_files(Path("night"))
    assert enhance.main(["night", "-o", "out", "--checkpoint", str(checkpoint), "--device", "cpu"]) == 1
    assert files("out") == sorted(path.name for path in good)
    for path in good:
        with Image.open(Path("out") / path.name) as result, Image.open(path) as source:
            assert (result.size, result.format) == (source.size, source.format)
    said = capsys.readouterr()
    chosen = f"network: {checkpoint}, stage=band, run by torch on cpu in float32"
    assert said.out.splitlines() == [chosen, "photos enhanced: 20, written to out"]
    lines = said.err.splitlines()
    assert lines[0] == "not enhanced: 6"
    assert len(lines) == 7
    for name, cause in causes.items():
        assert [line for line in lines if f"night/{name} " in line and cause in line], name


def test_results_are_what_the_enhancer_gives(brighter: Brighter, capsys: pytest.CaptureFixture[str]) -> None:
    photo("x/a.png")
    photo("x/s/b.png", level=90)
    assert enhance.main(["x", "-o", "out", "--recursive"]) == 0
    assert files("out") == ["a.png", "s/b.png"]
    assert first_pixel("out/a.png") == [70, 71, 72]
    assert first_pixel("out/s/b.png") == [110, 111, 112]
    assert brighter.calls == [(8, 12, 3)] * 2
    assert capsys.readouterr().err == ""


def test_options_reach_the_enhancer(brighter: Brighter) -> None:
    photo("a.png")
    words = "--stage recompose --checkpoint c.pt --band b.pt --strength .5 --device cuda --precision float16"
    words += " --runtime onnx --tile 512 --self-ensemble --quiet --network small"
    assert enhance.main(["a.png", "-o", "b.png", *words.split()]) == 0
    assert brighter.options == {
        "checkpoint": "c.pt", "network": "small", "pixels": 96,
        "stage": "recompose", "band": "b.pt", "strength": 0.5, "device": "cuda",
        "precision": "float16", "runtime": "onnx", "tile_size": 512, "self_ensemble": True,
    }  # fmt: skip
    assert enhance.main(["a.png", "-o", "c.png"]) == 0
    assert brighter.options == {
        "checkpoint": None, "network": DEFAULT_NETWORK, "pixels": 96,
        "stage": None, "band": None, "strength": 1.0, "device": "auto",
        "precision": "auto", "runtime": "auto", "tile_size": None, "self_ensemble": False,
    }  # fmt: skip


@pytest.mark.usefixtures("brighter")
def test_format_and_quality(capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save("a.png")
    for quality in ("95", "20"):
        assert enhance.main(["a.png", "-o", f"out{quality}", "--format", "jpg", "--quality", quality, "--quiet"]) == 0
    assert Path("out20/a.jpg").stat().st_size < Path("out95/a.jpg").stat().st_size / 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("brighter")
def test_comparisons_lie_beside_the_results() -> None:
    photo("a.png", level=50, size=(200, 10))
    assert enhance.main(["a.png", "-o", "out", "--compare"]) == 0
    assert files("out") == ["a.png", "a_compare.png"]
    both = read_photograph(Path("out/a_compare.png")).pixels
    assert both.shape == (10, 401, 3)
    assert both[0, [0, 199, 200, 201, 400], 0].tolist() == [50, 50, 255, 70, 70]


@pytest.mark.usefixtures("brighter")
def test_running_twice_replaces_nothing_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    photo("x/a.png")
    photo("x/b.png")
    assert enhance.main(["x/a.png", "-o", "out"]) == 0
    photo("x/a.png", level=100)
    assert enhance.main(["x", "-o", "out"]) == 1
    assert first_pixel("out/a.png") == [70, 71, 72]
    assert files("out") == ["a.png", "b.png"]
    assert "x/a.png is left out: out/a.png exists already; give --overwrite" in capsys.readouterr().err
    assert enhance.main(["x", "-o", "out", "--overwrite"]) == 0
    assert first_pixel("out/a.png") == [120, 121, 122]


@pytest.mark.usefixtures("brighter")
def test_photos_are_replaced_in_place_only_when_asked() -> None:
    photo("x/a.png")
    assert enhance.main(["x", "-o", "x"]) == 1
    assert enhance.main(["x/a.png", "-o", "x/a.png"]) == 1
    assert first_pixel("x/a.png") == [50, 51, 52]
    assert enhance.main(["x", "-o", "x", "--overwrite"]) == 0
    assert first_pixel("x/a.png") == [70, 71, 72]


def test_nothing_is_loaded_where_nothing_can_be_done(brighter: Brighter, capsys: pytest.CaptureFixture[str]) -> None:
    assert enhance.main(["gone.png", "*.bmp", "-o", "out"]) == 1
    assert brighter.options == {}
    assert not Path("out").exists()
    assert capsys.readouterr().err.splitlines() == [
        "not enhanced: 2",
        "  gone.png does not exist; check the path",
        "  *.bmp matches no image; check the pattern",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a.png", "required: -o/--output"),
        ("-o out", "required: PHOTOS"),
        ("a.png -o out --strength 1.5", "1.5 is not between 0 and 1"),
        ("a.png -o out --strength much", "much is not between 0 and 1"),
        ("a.png -o out --quality 0", "0 is not between 1 and 100"),
        ("a.png -o out --format gif", "invalid choice: 'gif'"),
        ("a.png b.png -o out.png", "out.png names a file"),
        ("a.png -o out.png --format jpg", "contradict each other"),
    ],
)
def test_a_wrong_command_is_said(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    photo("b.png")
    with pytest.raises(SystemExit) as stopped:
        enhance.main(words.split())
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 2
    assert not Path("out").exists()


def test_wrong_networks_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    assert enhance.main(["a.png", "-o", "out", "--checkpoint", "gone.pt"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: checkpoint gone.pt does not exist")
    assert len(said.splitlines()) == 1
    assert not Path("out").exists()


def test_what_goes_wrong_with_one_photo_is_its_own(
    brighter: Brighter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    errors: Iterator[Exception | None] = iter(
        [MemoryError(), None, RuntimeError("CUDA out of memory. Tried\nto"), DRBNError("not finite"), KeyError("x")]
    )
    original = brighter.enhance_array

    def sometimes(rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        error = next(errors)
        if error is not None:
            raise error
        return original(rgb, progress, alpha=alpha)

    monkeypatch.setattr(brighter, "enhance_array", sometimes)
    for name in "abcde":
        photo(f"x/{name}.png")
    assert enhance.main(["x", "-o", "out"]) == 1
    assert files("out") == ["b.png"]
    assert capsys.readouterr().err.splitlines() == [
        "not enhanced: 4",
        "  x/a.png: memory does not suffice; use smaller tiles (--tile), or close other programs",
        "  x/c.png: memory does not suffice; use smaller tiles (--tile), or close other programs",
        "  x/d.png: not finite",
        "  x/e.png: an unexpected error (KeyError: 'x')",
    ]


def test_a_full_disk_ends_it(
    brighter: Brighter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        done = [name for name in files("out") if not name.endswith(TEMPORARY_SUFFIX)]
        if len(done) == 2 and path.suffix == TEMPORARY_SUFFIX:
            original(path, content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    for name in "abcde":
        photo(f"x/{name}.png")
    (Path("x") / "0.png").touch()
    assert enhance.main(["x", "-o", "out"]) == 1
    assert files("out") == ["a.png", "b.png"]
    assert len(brighter.calls) in (3, 4)  # the next one may be enhanced before the disk is found full
    said = capsys.readouterr()
    assert said.out == "network: none\nphotos enhanced: 2, written to out\n"
    assert "0.png is empty" in said.err
    assert said.err.splitlines()[-1].startswith("error: out/c.png cannot be written: no space is left on the device")


def test_photos_that_come_out_as_they_were_are_named(
    brighter: Brighter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = brighter.enhance_array

    def left_alone(rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        result = original(rgb, progress, alpha=alpha)
        return result if len(brighter.calls) == 1 else rgb.copy()

    monkeypatch.setattr(brighter, "enhance_array", left_alone)
    for name in "abcdef":
        photo(f"x/{name}.png")
    assert enhance.main(["x/a.png", "x/b.png", "-o", "out"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "nothing to brighten in 1 of them, which are as they were: b.png"
    assert enhance.main(["x", "-o", "more"]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("in 6 of them, which are as they were: a.png, b.png, c.png, ...")
    )
    assert files("more") == [f"{name}.png" for name in "abcdef"]
    assert enhance.main(["x", "-o", "quiet", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("brighter")
def test_a_name_in_the_way_is_one_photos_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    photo("x/s/a.png")
    photo("x/t/b.png")
    Path("out").mkdir()
    Path("out/s").touch()
    assert enhance.main(["x", "-o", "out", "--recursive"]) == 1
    assert files("out") == ["s", "t/b.png"]
    assert "out/s/a.png cannot be written: a file is in the place of a folder" in capsys.readouterr().err


def test_ctrl_c_says_one_line(
    brighter: Brighter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = brighter.enhance_array

    def interrupted(rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        if len(brighter.calls) == 2:
            raise KeyboardInterrupt
        return original(rgb, progress, alpha=alpha)

    monkeypatch.setattr(brighter, "enhance_array", interrupted)
    for name in "abc":
        photo(f"x/{name}.png")
    assert enhance.main(["x", "-o", "out", "--quiet"]) == 130
    assert files("out") == ["a.png", "b.png"]
    assert capsys.readouterr() == ("", "\ninterrupted; photos enhanced before that: 2\n")


def test_a_photo_is_enhanced_without_importing_torch() -> None:
    dark = photo("dark.png")
    code = "import sys; from drbn_lightning.enhance import main; main(); print('torch' in sys.modules)"
    words = [str(dark), "-o", "out.png", "--runtime", "auto"]
    done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert first_pixel("out.png") > first_pixel("dark.png")


def test_ctrl_c_on_a_real_process_leaves_no_half_file(tmp_path: Path) -> None:
    checkpoint = published(tmp_path / "artifacts") / "band.pt"
    for number in range(200):
        photo(f"x/{number:03}.png", size=(400, 300))
    command = [sys.executable, "-m", "drbn_lightning.enhance", "x", "-o", "out", "--checkpoint", str(checkpoint)]
    command += ["--device", "cpu"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    with ended(process):
        wait_for(lambda: [*Path().glob("out/[!.]*")], process)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=LIMIT)[1].decode()
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("interrupted; photos enhanced before that: ")
    assert "Traceback" not in said
    written = files("out")
    assert 1 <= len(written) < 200
    for name in written:
        assert not name.endswith(TEMPORARY_SUFFIX)
        assert read_photograph(Path("out") / name).pixels.shape == (300, 400, 3)


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_needs_no_torch(word: str) -> None:
    program = (
        "import sys; from drbn_lightning import enhance\n"
        "try: enhance.main(sys.argv[1:])\n"
        "except SystemExit as end: sys.exit(end.code or ('torch' in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (__version__ if word == "--version" else "exit status: 0 if every photo") in done.stdout


def test_the_bar_shows_photos_and_their_share(
    brighter: Brighter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    photo("a.png")
    assert enhance.main(["a.png", "-o", "out"]) == 0
    assert "a.png 50%" in capsys.readouterr().err
    assert brighter.calls == [(8, 12, 3)]


def test_gray_photos_stay_gray(brighter: Brighter) -> None:
    Image.new("L", (4, 3), 50).save("a.png")
    assert enhance.main(["a.png", "-o", "out"]) == 0
    with Image.open("out/a.png") as image:
        assert image.mode == "L"
        assert image.getpixel((0, 0)) == 70
    assert brighter.calls == [(3, 4, 3)]


def test_this_is_the_console_script() -> None:
    done = subprocess.run([sys.executable, "-m", "drbn_lightning.enhance"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "PHOTOS... -o OUT" in done.stderr


@pytest.mark.usefixtures("brighter")
def test_raw_files_beside_a_photo_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    photo("x/a.jpg")
    for name in ("1.NEF", "2.NEF", "b.jxl"):
        Path("x", name).write_bytes(b"II*\0" + bytes(60))
    assert enhance.main(["x", "-o", "out"]) == 1
    said = capsys.readouterr()
    assert files("out") == ["a.jpg"]
    lines = said.err.splitlines()
    assert lines[0] == "not enhanced: 3"
    assert len(lines) == 3
    assert "2 x a camera's raw file: x/1.NEF, x/2.NEF" in lines[1]
    assert "1 x a JPEG XL image: x/b.jxl" in lines[2]


@pytest.mark.usefixtures("brighter")
def test_a_pipe_in_a_folder_hangs_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    photo("x/a.png")
    os.mkfifo("x/b.png")
    assert enhance.main(["x", "-o", "out"]) == 1
    assert files("out") == ["a.png"]
    assert "x/b.png is a pipe" in capsys.readouterr().err


@pytest.mark.usefixtures("brighter")
def test_large_photos_are_read_where_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo("a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    assert enhance.main(["a.png", "-o", "out"]) == 1
    assert "--allow-large" in capsys.readouterr().err
    assert enhance.main(["a.png", "-o", "out", "--allow-large"]) == 0
    assert files("out") == ["a.png"]
    assert Image.MAX_IMAGE_PIXELS == 40


@pytest.mark.usefixtures("brighter")
def test_the_longest_names_can_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    photo("x" * 251 + ".png")
    assert enhance.main(["x" * 251 + ".png", "-o", "out", "--compare"]) == 0
    assert len(files("out")) == 2
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("brighter")
def test_links_and_permissions_stay() -> None:
    photo("real/a.png").chmod(0o600)
    Path("a.png").symlink_to("real/a.png")
    assert enhance.main(["a.png", "-o", "a.png", "--overwrite"]) == 0
    assert Path("a.png").is_symlink()
    assert first_pixel("real/a.png") == [70, 71, 72]
    assert Path("real/a.png").stat().st_mode & 0o777 == 0o600
    assert enhance.main(["real/a.png", "-o", "out", "--compare"]) == 0
    assert {path.stat().st_mode & 0o777 for path in Path("out").iterdir()} == {0o600}


class Stream:
    """A standard stream that holds bytes, and takes text."""

    def __init__(self, content: bytes = b"") -> None:
        self.buffer, self.text = io.BytesIO(content), io.StringIO()
        self.write, self.flush = self.text.write, self.text.flush


@pytest.mark.usefixtures("brighter")
def test_a_photo_goes_through_standard_input_and_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = photo("a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", Stream(content))
    output = Stream()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        assert enhance.main(["-", "-o", "-"]) == 0
    assert output.text.getvalue() == ""
    with Image.open(output.buffer) as result:
        assert result.format == "PNG"
        assert result.getpixel((0, 0)) == (70, 71, 72)
    for words in ("- -o b.jpg", "- -o out"):
        monkeypatch.setattr(sys, "stdin", Stream(content))
        assert enhance.main(words.split()) == 0
    assert first_pixel("out/stdin.png") == [70, 71, 72]
    with Image.open("b.jpg") as result:
        assert result.format == "JPEG"
    monkeypatch.setattr(sys, "stdin", Stream(b"no image"))
    capsys.readouterr()
    assert enhance.main(["-", "-o", "-"]) == 1
    assert "standard input is not an image" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        enhance.main(["a.png", "b.jpg", "-o", "-"])
