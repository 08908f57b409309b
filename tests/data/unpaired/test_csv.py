from pathlib import Path
from typing import Any

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.csv import CSVDataModule
from tests.data.unpaired.photo_tables import SCORES, module, names, ready


def test_a_table_of_any_kind(ava: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    table.write_text("file;MOS\n" + "".join(f"{image}.jpg;{score},0\n" for image, score in SCORES.items()))
    settings: dict[str, Any] = {"cache": str(tmp_path / "cache"), "high_mos": 8, "low_mos": 3, "num_workers": 0}
    settings |= {"validation_share": 0.2, "test_share": 0.2, "short_side": 20, "crop_size": 16}
    data = ready(CSVDataModule(str(ava / "images"), str(table), "file", "MOS", **settings))
    other = ready(module(ava))
    assert all(names(data, role) == names(other, role) for role in (TRAINING, VALIDATION, TEST))
    assert [fingerprint.name for fingerprint in data.trained_on()] == ["csv/high", "csv/low", "csv/validation"]
    assert data.trained_on()[0].identity == other.trained_on()[0].identity
