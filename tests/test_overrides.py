import shlex
from pathlib import Path

import pytest

from drbn_lightning.overrides import misread


@pytest.mark.parametrize("name", ["[old]", "a,b", "x "])
@pytest.mark.parametrize("words", [[], ["-m"]])
def test_a_folder_that_hydra_would_take_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    message = misread([*words, f"data.root={name}"])
    assert message is not None
    assert f"'data.root=\"{name}\"'" in message


@pytest.mark.parametrize(
    ("words", "better"),
    [
        (["data.root=/my", "photos/x"], "'data.root=\"/my photos/x\"'"),
        (["checkpoint={mine: /a=b/c.pt, other: d e}"], '\'checkpoint={mine: "/a=b/c.pt", '),
        (["checkpoint=[a (1).pt, b]"], '\'checkpoint=["a (1).pt","b"]\''),
        (["-m", "data.root=/a=b,/c=d"], '\'data.root="/a=b","/c=d"\''),
    ],
)
def test_quotes_go_around_each_text(words: list[str], better: str) -> None:
    message = misread(words)
    assert message is not None
    assert better in message
    assert misread([*words[:-1], *shlex.split(message[message.index(better) :])]) is None


@pytest.mark.parametrize(
    "words",
    [
        ["stage=band", "seed=1,2", "-m"],
        ["stage=band", "seed=1,2", "hydra.mode=MULTIRUN"],
        ["-cd", "mine", "seed=1,2"],
        ["--cfg", "job", "-cd", "my conf (2)", "~logger", "+a.b=[1,2]", "data.root='/x [y]'"],
        ["seed=choice(1,2)", "stage.scheduler=${schedules.halving}", "hydra/launcher=parallel", "x=a b"],
        ["--help"],
        ["--no-such-option"],
    ],
)
def test_what_hydra_reads_well_stays(words: list[str]) -> None:
    assert misread(words) is None


@pytest.mark.parametrize(
    "words", ["adversary=1e400", "adversary=null", "network=5", "~network=5", "~network=[a]", "network=[1]"]
)
def test_a_group_of_configurations_is_told_its_choices(words: str) -> None:
    message = misread([words])
    assert message is not None
    group = words.lstrip("~").partition("=")[0]
    assert f"{words} chooses no configuration of {group}; there are " in message
    assert {"adversary": "joint, none", "network": "drbn, drbn_small"}[group] in message


@pytest.mark.parametrize(
    "words",
    [
        ["network=drbn"],
        ["~network"],
        ["~network=drbn"],
        ["network={recursions: 1}"],
        ["-m", "network=drbn,retinex"],
        ["data.root=5"],
        ["nothing=5"],
    ],
)
def test_other_overrides_are_left_to_hydra(words: list[str]) -> None:
    message = misread(words)
    assert message is None or "chooses no configuration" not in message


@pytest.mark.parametrize("word", ["=5", "+=band", "~=band"])
def test_a_key_is_needed(word: str) -> None:
    message = misread([word])
    assert message is not None
    assert f"{word} names no key" in message
