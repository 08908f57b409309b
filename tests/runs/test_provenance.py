import re
from pathlib import Path

from omegaconf import OmegaConf

from drbn_lightning.runs.provenance import provenance
from tests.running import tiny


def test_says_versions_date_command_line_and_configuration(tmp_path: Path) -> None:
    plain = provenance(tiny(tmp_path, "seed=3"), ["seed=3"])
    assert plain.keys() == {"version", "commit", "torch", "date", "overrides", "seed", "config"}
    assert (plain["overrides"], plain["seed"]) == (["seed=3"], 3)
    assert OmegaConf.create(plain["config"]).data.seed == 3
    assert re.match(r"\d{4}-\d\d-\d\dT", plain["date"])
