from drbn_lightning.evaluation.leakage import Note
from drbn_lightning.evaluation.report.text import definitions, text
from tests.evaluation.test_summary import METRICS, found


def test_every_method_has_a_line_of_means_and_one_of_intervals() -> None:
    note = Note("mine", "it has seen everything", True, 3, 3)
    report = text(found()._replace(notes=[note]), {"mine": {"parameters": 557_668, "gmac": 9.38}})
    lines = report.splitlines()
    assert lines[0] == "set: 3 images"
    assert lines[1].split() == ["method", "PSNR", "dB", "SSIM", "parameters", "GMAC", "ms"]
    assert lines[2].split() == ["input", "8.00", "0.2500", "10"]
    assert lines[4].split() == ["mine", "20.00", "0.8000", "0.558", "M", "9.38"]
    assert lines[5].split() == ["[18.00,", "22.00]", "[0.7000,", "0.9000]"]
    assert "mine - input" in report
    assert lines[-1] == "warning: mine: it has seen everything"
    psnr = lines[1].index("PSNR dB") + len("PSNR dB")
    assert lines[4][:psnr].endswith("20.00")


def test_definitions_end_with_what_is_missing() -> None:
    lines = definitions(METRICS, ["LPIPS is not measured: no weights"]).splitlines()
    assert lines[0].startswith("PSNR dB: over RGB")
    assert lines[-2].startswith("in brackets: 95 % bootstrap interval")
    assert lines[-1] == "LPIPS is not measured: no weights"
