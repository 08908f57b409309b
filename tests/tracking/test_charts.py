from drbn_lightning.tracking.charts import BETTER, CHARTS, all_figures


def test_no_figure_is_shown_twice() -> None:
    assert len(set(all_figures())) == len(all_figures())
    assert all(CHARTS.values())


def test_the_better_direction_is_that_of_figures_that_are_shown() -> None:
    assert set(BETTER) <= set(all_figures())
    assert all(BETTER[name] == "max" for name in ("val/psnr", "val/ssim", "val/auroc"))
    assert BETTER["val/loss"] == "min"
