"""For debugging: a table of what took longest in a run."""

from pathlib import Path

from pytorch_lightning.profilers import SimpleProfiler

from drbn_lightning.files import written_beside
from drbn_lightning.terminal import say


class ReadableProfiler(SimpleProfiler):
    """Lightning's timer of every step and hook, with a summary of the few that matter."""

    def __init__(self, path: str, rows: int = 15) -> None:
        """Set up the profiler.

        Args:
            path: the file to write the table to.
            rows: how many actions to show, those with the longest total time.
        """
        super().__init__()
        self.path, self.rows = Path(path), rows

    def summary(self) -> str:
        """The table: share of the whole time, total and mean seconds, calls, action; actions contain each other."""
        rows, _, total = self._make_report_extended()
        lines = [f"{total:.1f} s in all; an action's time contains that of the actions in it", ""]
        lines += [f"{'share':>6}  {'seconds':>8}  {'mean':>8}  {'calls':>6}  action"]
        for action, mean, calls, seconds, share in rows[: self.rows]:
            lines.append(f"{share:5.1f}%  {seconds:8.2f}  {mean:8.4f}  {calls:6}  {_plain(action)}")
        return "\n".join(lines)

    def describe(self) -> None:
        """Say the table and write it."""
        text = self.summary()
        say(f"\n{text}\n\nwritten: {self.path}")
        with written_beside(self.path) as beside:
            beside.write_text(f"{text}\n", encoding="utf-8")


def _plain(action: str) -> str:
    """An action without what Lightning puts around its name.

    Example:
        >>> _plain("[Callback]MovingAverage.on_train_batch_end")
        'MovingAverage.on_train_batch_end'
    """
    return action.partition("]")[2] if action.startswith("[") else action
