"""The report as one HTML file that needs nothing else: sortable tables, before and after under a slider."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from drbn_lightning.evaluation.report.style import SCRIPT, STYLE
from drbn_lightning.evaluation.report.text import INTERVALS, amount, bracketed
from drbn_lightning.evaluation.summary import Result, plain
from drbn_lightning.metrics.bootstrap import Interval
from drbn_lightning.metrics.metric import Metric

LONG_SIDE = 480  # of the images in the report, in pixels
QUALITY = 82  # of their WebP


def thumbnail(image: Tensor, long_side: int = LONG_SIDE) -> str:
    """An image small enough for a page, as a `data:` address.

    Args:
        image: `(3, H, W)` in [0, 1].
        long_side: its longer side at most, in pixels.
    """
    small = Image.fromarray(np.ascontiguousarray((image * 255).round().byte().permute(1, 2, 0).cpu().numpy()))
    small.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + b64encode(file.getvalue()).decode()


def page(
    summary: Mapping[str, Any], results: Sequence[Result], images: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> str:
    """The whole report.

    Args:
        summary: see `report.text.summary`.
        results: the data sets.
        images: by data set and image, those to show in this order; of each image, the `data:` address of the
            input, of every method's result and, where there is one, of the target, by name.
    """
    parts = [f"<h1>Evaluation</h1><p class=about>{escape(_run_line(summary))}</p>"]
    parts += [_warnings(results)]
    parts += [_section(number, result, summary, images.get(result.name, {})) for number, result in enumerate(results)]
    parts += [_definitions(summary), _methods(summary["methods"])]
    data = [_images(result, images.get(result.name, {})) for result in results]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Evaluation</title><style>{STYLE}</style></head><body>{''.join(parts)}"
        f'<script type="application/json" id="images">{_json(data)}</script><script>{SCRIPT}</script></body></html>\n'
    )


def _run_line(summary: Mapping[str, Any]) -> str:
    return f"drbn_lightning {summary['version']}, torch {summary['torch']}, {summary['device']}, {summary['date']}"


def _warnings(results: Sequence[Result]) -> str:
    notes = [(result, note) for result in results for note in result.notes]
    lines = [
        f'<li class="{"warning" if note.is_warning else "note"}"><b>{escape(note.method)}</b> on '
        f"{escape(result.name)}: {escape(note.text)}</li>"
        for result, note in sorted(notes, key=lambda pair: not pair[1].is_warning)
    ]
    return f"<h2>Seen in training</h2><ul>{''.join(lines)}</ul>" if lines else ""


def _section(number: int, result: Result, summary: Mapping[str, Any], images: Mapping[str, Any]) -> str:
    """One data set: table, differences, images."""
    count = len(result.images)
    parts = [f"<h2>{escape(result.name)}</h2><p>{count} image{'' if count == 1 else 's'}; {escape(INTERVALS)}.</p>"]
    parts.append(_table(result, summary["methods"]))
    if result.differences and result.metrics:
        parts.append(_difference_table(result))
    if images:
        shown = f"{len(images)} of {count} images" if len(images) < count else "All images"
        order = ", worst first" if result.metrics and result.metrics[0].better else ""
        parts.append(f'<h3>Images</h3><p>{shown}{order}.</p><div class="cards" data-set="{number}"></div>')
    return "".join(parts)


def _table(result: Result, methods: Mapping[str, Any]) -> str:
    heads = ["method", *(metric.heading for metric in result.metrics), "parameters", "GMAC", "ms"]
    rows = []
    for row in result.rows:
        cost = methods.get(row.method, {})
        last = [
            _cell(amount(cost.get("parameters")), cost.get("parameters")),
            _cell(_number(cost.get("gmac"), 2), cost.get("gmac")),
            _cell(_number(row.milliseconds, 1), row.milliseconds),
        ]
        rows.append([_cell(row.method, row.method), *_intervals(row.means, result.metrics), *last])
    return _html_table(heads, rows, [metric.definition for metric in result.metrics])


def _difference_table(result: Result) -> str:
    heads = ["paired difference", *(metric.heading for metric in result.metrics)]
    rows = [
        [
            _cell(f"{difference.second} - {difference.first}", difference.first),
            *_intervals(difference.changes, result.metrics, "+"),
        ]
        for difference in result.differences
    ]
    return _html_table(heads, rows, [metric.definition for metric in result.metrics])


def _intervals(intervals: Mapping[str, Interval], metrics: Sequence[Metric], sign: str = "") -> list[str]:
    return [
        _cell(bracketed(intervals[metric.key], metric.decimals, sign), intervals[metric.key].mean) for metric in metrics
    ]


def _html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], titles: Sequence[str]) -> str:
    hints = ["", *titles, *[""] * (len(heads) - len(titles) - 1)]
    head = "".join(
        f'<th title="{escape(title)}"><button type="button">{escape(name)}</button></th>'
        for name, title in zip(heads, hints, strict=True)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<div class=wide><table class=sortable><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(text: str, value: float | str | None) -> str:
    """A cell, and the value that it is sorted by."""
    key = "" if value is None or value != value else str(value)
    mean, _, rest = text.partition(" [")
    shown = escape(mean) + (f"<small>[{escape(rest)}</small>" if rest else "")
    return f'<td data-value="{escape(key)}">{shown}</td>'


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _definitions(summary: Mapping[str, Any]) -> str:
    lines = [
        f"<dt>{escape(metric['title'])}</dt><dd>{escape(metric['definition'])}</dd>"
        for metric in summary["metrics"].values()
    ]
    lines += [f"<dt>ms</dt><dd>{escape(summary['timing'])}</dd>", f"<dt>GMAC</dt><dd>{escape(summary['cost'])}</dd>"]
    missing = "".join(f"<li class=note>{escape(line)}</li>" for line in summary["not_measured"])
    return f"<h2>Definitions</h2><dl>{''.join(lines)}</dl>" + (f"<ul>{missing}</ul>" if missing else "")


def _methods(methods: Mapping[str, Any]) -> str:
    lines = []
    for name, method in methods.items():
        facts = ", ".join(f"{key} {value}" for key, value in method.items() if value)
        lines.append(f"<dt>{escape(name)}</dt><dd>{escape(facts)}</dd>")
    return f"<h2>Methods</h2><dl>{''.join(lines)}</dl>"


def _images(result: Result, images: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What the script needs: cards in order: each test image's name, what is shown of it, and its figures."""
    scores = {(score.image, score.method): score.figures for score in result.scores}
    metrics = [{"title": metric.heading, "decimals": metric.decimals} for metric in result.metrics]
    cards = []
    for name, shown in images.items():
        figures = {
            method: [plain(scores[name, method][metric.key]) for metric in result.metrics]
            for method in shown
            if (name, method) in scores
        }
        cards.append({"name": name, "images": shown, "figures": figures})
    main = result.differences[0].second if result.differences else (result.rows[0].method if result.rows else "")
    return {"metrics": metrics, "main": main, "cards": cards}


def _json(data: object) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")
