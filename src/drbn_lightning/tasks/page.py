"""What the page shows and does; `page` starts it. Needs Gradio."""

import argparse
import html
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from drbn_lightning.images.photo import Photograph, read_photograph, write_photograph
from drbn_lightning.images.pillow import narrowed
from drbn_lightning.inference.enhancer import Enhancer, Runner
from drbn_lightning.inference.job_files import cause_of, enhance_file
from drbn_lightning.inference.jobs import InputPhoto, plan
from drbn_lightning.inference.loading import load_enhancer
from drbn_lightning.names import ENHANCING_STAGES
from drbn_lightning.tasks.memoisation import Memory
from drbn_lightning.tasks.only_here import OnlyHere
from drbn_lightning.types import Pixels, Progress

STAGE_NAMES = {"band": "Faithful (stage 1)", "recompose": "Pleasing (stage 2)"}
FONTS = ("system-ui", "sans-serif")
KEPT_RUNS = 4
CSS = """
.gradio-container { width: 100% !important; max-width: 1100px !important; margin: 0 auto !important; }
.gradio-container main { width: 100% !important; }
.failure { color: var(--error-text-color, #b91c1c); font-weight: 600; overflow-wrap: anywhere; }
"""


class Outcome(NamedTuple):
    """Small images of before and after, and the file to download."""

    before: Path
    after: Path
    file: Path


class Work:
    """Enhances files as the command line does; each network is loaded once, and each tile is run once."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        """Load the first network, so that mistakes show before the page does.

        Args:
            folder: for temporary files.
            options: see `page.build_parser`.

        Raises:
            DRBNError: see `load_enhancer`.
        """
        self.options, self.runs = options, folder / "runs"
        memory = folder / "memory"
        for made in (self.runs, memory):
            made.mkdir()
        self._memory, self._enhancers = Memory(memory), dict[tuple[str, bool], Enhancer]()
        self._recent = deque[Path]()
        first = self._loaded()
        self.info, self.default, self.stages = first.info, first.stage, first.info.stages
        self._enhancers[first.stage, False] = self._remembering(first, first.stage)

    def enhance(
        self, source: Path, stage: str, strength: float, *, self_ensemble: bool, progress: Progress | None = None
    ) -> Outcome:
        """Enhance one file.

        Raises:
            DRBNError: it cannot be; the message calls the file by its name only.
        """
        folder = self._new_run()
        job = plan([InputPhoto(source)], folder / "result")[0]
        try:
            before = self._preview(source, folder / "before.png")
            enhancer = self._enhancer(stage, self_ensemble=self_ensemble)
            enhancer.strength = strength
            enhance_file(job, enhancer, progress=progress)
            return Outcome(before, self._preview(job.target, folder / "after.png"), job.target)
        except Exception as error:  # whatever happens to one photo, the page goes on
            cause = cause_of(error, job).removeprefix(f"{source}: ")
            raise DRBNError(
                cause.replace(str(source), source.name).replace(str(job.target), job.target.name)
            ) from error

    def _enhancer(self, stage: str, *, self_ensemble: bool) -> Enhancer:
        key = stage, self_ensemble
        if key not in self._enhancers:
            self._enhancers[key] = self._remembering(self._loaded(*key), f"{stage} {self_ensemble}")
        return self._enhancers[key]

    def _loaded(self, stage: str | None = None, self_ensemble: bool = False) -> Enhancer:
        own = self.options
        return load_enhancer(
            own.checkpoint, network=own.network, stage=stage, band=own.band,
            device=own.device, runtime=own.runtime, tile_size=own.tile, self_ensemble=self_ensemble,
        )  # fmt: skip

    def _remembering(self, enhancer: Enhancer, name: str) -> Enhancer:
        """The same one, but every tile is run once only."""

        def remembering(runner: Runner, bits: int) -> Runner:
            return Runner(self._memory.of(runner.method, f"{name} {bits}"), runner.tiles)

        return Enhancer(enhancer.info, remembering(enhancer.for_8_bits, 8), remembering(enhancer.for_more, 16))

    def _new_run(self) -> Path:
        """A new folder, in the place of the oldest one."""
        if len(self._recent) == KEPT_RUNS:
            shutil.rmtree(self._recent.popleft(), ignore_errors=True)
        self._recent.append(Path(tempfile.mkdtemp(dir=self.runs)))
        return self._recent[-1]

    def _preview(self, source: Path, target: Path) -> Path:
        """An image that a browser can show, at most `--max-side` pixels long."""
        shown = read_photograph(source)
        height, width = shown.pixels.shape[:2]
        scale = min(1.0, self.options.max_side / max(height, width))

        def small(pixels: Pixels) -> Pixels:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            eight = narrowed(pixels)
            return eight if scale == 1 else cv2.resize(eight, size, interpolation=cv2.INTER_AREA)

        alpha = None if shown.alpha is None else small(shown.alpha)
        profile, told = shown.icc_profile, shown.metadata.of_colours()
        preview = Photograph(small(shown.pixels), alpha, shown.gray, icc_profile=profile, metadata=told)
        write_photograph(target, preview)
        return target


def build(work: Work) -> Any:  # noqa: ANN401  # Gradio may be absent where types are checked
    """The page as Gradio's Blocks."""
    gr = extra("gradio", "page")
    stages = [(STAGE_NAMES[stage], stage) for stage in ENHANCING_STAGES if stage in work.stages]
    with gr.Blocks(title="drbn_lightning", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown("# Brighten a photo\nNothing leaves this machine.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                photo = gr.File(label="Photo", elem_id="photo", height=150)
                stage = gr.Radio(stages, value=work.default, label="Stage", elem_id="stage")
                strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", elem_id="strength", buttons=[])
                ensemble = gr.Checkbox(
                    False, label="Self-ensemble", info="Slightly better, eight times slower", elem_id="ensemble"
                )
                download = gr.DownloadButton("Download", interactive=False, variant="primary", elem_id="download")
            with gr.Column(scale=2, min_width=320):
                message = gr.HTML(visible=False, elem_id="message")
                images = gr.ImageSlider(
                    label="Before and after", type="filepath", interactive=False, max_height=640, elem_id="images",
                    buttons=["fullscreen"],
                )  # fmt: skip
        inputs = [photo, stage, strength, ensemble]
        gr.on(
            [part.change for part in inputs],
            _answer(work, gr),
            inputs,
            [images, download, message],
            trigger_mode="always_last",
            concurrency_limit=1,
            concurrency_id="network",
            show_progress_on=[images],
            api_visibility="private",
        )
    return page


def _answer(work: Work, gr: Any) -> Callable[..., tuple[Any, Any, Any]]:  # noqa: ANN401  # a module
    """What happens after each change."""

    def shown(outcome: Outcome | None, trouble: str = "") -> tuple[Any, Any, Any]:
        text = f'<p class="failure" role="alert">{html.escape(trouble)}</p>'
        images = None if outcome is None else (str(outcome.before), str(outcome.after))
        file = None if outcome is None else str(outcome.file)
        button = gr.DownloadButton(value=file, interactive=outcome is not None)
        return images, button, gr.HTML(value=text, visible=bool(trouble))

    def answer(
        photo: str | None,
        stage: str,
        strength: float,
        ensemble: bool,  # Gradio gives it by place
        progress: Any = gr.Progress(),  # noqa: ANN401, B008  # Gradio finds it so
    ) -> tuple[Any, Any, Any]:
        if photo is None:
            return shown(None)

        def tell(done: int, total: int) -> None:
            progress(done / total, desc="Brightening")

        progress(0, desc="Brightening")
        try:
            outcome = work.enhance(Path(photo), stage, strength, self_ensemble=ensemble, progress=tell)
        except DRBNError as error:
            return shown(None, str(error))
        return shown(outcome)

    return answer


def launch_options(options: argparse.Namespace, port: int, folder: Path) -> dict[str, Any]:
    """What Gradio's `launch` needs to be told so that it stays on this machine and quiet."""
    gr = extra("gradio", "page")
    starlette = extra("starlette.middleware", "page")
    return {
        "server_name": options.host,
        "server_port": port,
        "share": False,
        "ssr_mode": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "run_history": False,
        "footer_links": [],
        "allowed_paths": [str(folder / "runs")],
        "max_file_size": options.max_upload << 20,
        "theme": gr.themes.Base(font=FONTS, font_mono=("ui-monospace", "monospace")),
        "css": CSS,
        "app_kwargs": {"middleware": [starlette.Middleware(OnlyHere, options.host)]},
    }
