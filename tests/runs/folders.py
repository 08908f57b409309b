"""Folders as runs leave them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PSNR = (20.0, 22.5, 21.0)


def run_folder(
    folder: Path,
    *words: str,
    stage: str = "band",
    psnr: Sequence[float] = PSNR,
    mode: str = "max",
    more: Mapping[str, Any] | None = None,
) -> Path:
    """A finished run with a validation for each `psnr`; `more` changes its record."""
    folder.mkdir(parents=True)
    record: dict[str, Any] = {
        "stage": stage,
        "overrides": list(words),
        "monitor": "val/psnr",
        "mode": mode,
        "status": "finished",
    }
    record |= {"reason": None, "parameters": 100, "steps": 6, "seconds": 90.0, "version": "0.1", "commit": "abc"}
    record |= {"best": (max(psnr) if mode == "max" else min(psnr)) if psnr else None, **(more or {})}
    (folder / "run.json").write_text(json.dumps(record))
    lines = ["epoch,step,train/loss,val/psnr,val/ssim"]
    for epoch, value in enumerate(psnr):
        lines += [f"{epoch},{2 * epoch},0.5,,", f"{epoch},{2 * epoch + 1},,{value},{value / 100}"]
    if psnr:
        (folder / "csv" / "version_0").mkdir(parents=True)
        (folder / "csv" / "version_0" / "metrics.csv").write_text("\n".join(lines) + "\n")
    return folder
