import json
import re
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import torch
from PIL import Image

from drbn_lightning.evaluation.leakage import Note
from drbn_lightning.evaluation.report.html import page, thumbnail
from drbn_lightning.evaluation.report.text import summary
from tests.evaluation.test_summary import METRICS, found

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WILD = "</script><b>wild & name"


def shade(value: float, height: int = 40, width: int = 60) -> str:
    return thumbnail(torch.full((3, height, width), value))


def report() -> str:
    note = Note("mine", "it has seen everything", True, 3, 3)
    result = found()._replace(notes=[note], name=WILD)
    run = {"version": "1", "torch": "2", "date": "today", "command": [], "device": "cpu", "timing": "t", "cost": "c"}
    content = summary([result], {"mine": {"parameters": 5, "gmac": 1.0}}, METRICS, ["LPIPS is missing"], run)
    images = {
        WILD: {name: {"input": shade(0.1), "mine": shade(0.5), "target": shade(0.9)} for name in ("p1", "p0", "p2")}
    }
    return page(content, [result], images)


def test_a_thumbnail_is_small_and_keeps_its_proportions() -> None:
    address = thumbnail(torch.rand(3, 300, 900), long_side=90)
    image = Image.open(BytesIO(b64decode(address.removeprefix("data:image/webp;base64,"))))
    assert image.size == (90, 30)
    assert len(address) < 8000


def test_the_page_needs_nothing_else_and_says_everything() -> None:
    text = report()
    assert not re.search(r"https?:|//[a-z]|<link|src=\"(?!data:)|@import|url\(", text)
    for told in ("it has seen everything", "LPIPS is missing", "over RGB, result rounded to 8 bits", "20.00"):
        assert told in text
    assert "<b>wild" not in text
    (data,) = re.findall(r'id="images">(.*?)</script>', text)
    assert [card["name"] for card in json.loads(data)[0]["cards"]] == ["p1", "p0", "p2"]


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Any]:
    """The report in a browser, opened as a file."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser = next((path for name in BROWSERS if (path := which(name))), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    (tmp_path / "report.html").write_text(report(), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=browser, args=arguments)
        shown = opened.new_page()
        faults: list[str] = []
        shown.on("pageerror", lambda error: faults.append(str(error)))
        shown.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else faults.append(one.url))
        shown.goto((tmp_path / "report.html").as_uri())
        yield shown
        assert faults == []
        opened.close()


def test_numbers_are_sorted_and_images_compared_in_a_browser(shown: Any) -> None:  # noqa: ANN401 playwright's page
    names = shown.locator("table.sortable").first.locator("tbody td:first-child")
    assert names.all_inner_texts() == ["input", "mine"]
    heads = shown.locator("table.sortable").first.locator("th button")
    heads.nth(1).click()
    assert names.all_inner_texts() == ["mine", "input"]
    heads.nth(1).click()
    assert names.all_inner_texts() == ["input", "mine"]
    card = shown.locator(".card").first
    assert card.locator("b").inner_text() == "p1"
    stage, slider = card.locator(".stage"), card.locator("input[type=range]")
    widths = []
    for value in ("20", "80"):
        slider.fill(value)
        widths.append(stage.locator(".before").evaluate("image => getComputedStyle(image).clipPath"))
    assert widths[0] != widths[1]
    assert "PSNR dB 18.00" in card.locator(".figures").inner_text()
    card.locator("select").nth(1).select_option("target")
    assert stage.locator(".after").get_attribute("alt") == "target of p1"
    assert stage.locator(".after").evaluate("image => image.naturalWidth") == 60
