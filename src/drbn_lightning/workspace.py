"""Set up a W&B workspace for the runs of this package: `python -m drbn_lightning.workspace ENTITY/PROJECT`."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from drbn_lightning.command_line import add_version
from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.extras import extra
from drbn_lightning.terminal import exit_status, say, settle
from drbn_lightning.tracking.charts import CHARTS, STEP, image_key

IMAGES = 4  # of each kind; conf/callbacks/default.yaml has as many
EPILOG = """\
The workspace shows losses, figures of the validations, learning rate and gradients, speed and memory, and images.
It is a new view of the project each time; nothing else there changes.

exit status: 0 if it is made; 1 if it is not; 2 if the command is wrong; 130 after Ctrl-C"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the workspace that the command line asks for.

    Args:
        argv: the words after the command's name; by default the process's.

    Returns:
        The exit status, see `EPILOG`.

    Raises:
        SystemExit: the command is wrong (2), or help or version were asked for (0).
    """
    settle()
    options = build_parser().parse_args(argv)
    return exit_status(lambda: say(make(options)))


def make(options: argparse.Namespace) -> str:
    """Make the workspace; say where it is, or with `--dry-run` what it would be, as JSON.

    Raises:
        DRBNError: a package is missing, or W&B does not take it.
    """
    entity, _, project = options.project.partition("/")
    if not (entity and project) or "/" in project:
        raise DRBNError(f"{options.project!r} is no project of W&B; say ENTITY/PROJECT")
    workspace = build(entity, project, options.name)
    return as_json(workspace) if options.dry_run else f"workspace: {save(workspace)}"


def build(entity: str, project: str, name: str) -> Any:  # noqa: ANN401 a class of an extra
    """The workspace, not yet saved.

    Raises:
        DRBNError: the package for it is missing.
    """
    workspaces, reports = (
        extra("wandb_workspaces.workspaces", "workspace"),
        extra("wandb_workspaces.reports.v2", "workspace"),
    )
    sections = [
        workspaces.Section(
            name=title,
            is_open=True,
            panels=[reports.LinePlot(title=chart.title, x=STEP, y=list(chart.figures)) for chart in charts],
        )
        for title, charts in CHARTS.items()
    ]
    folders = {"Images": "", "Images: pairs": "pairs/", "Images: real low-light photos": "photos/"}
    shown = [
        reports.MediaBrowser(title=title, media_keys=[image_key(folder, number + 1) for number in range(IMAGES)])
        for title, folder in folders.items()
    ]
    sections.append(workspaces.Section(name="Images", is_open=True, panels=shown))
    return workspaces.Workspace(entity=entity, project=project, name=name, sections=sections)


def as_json(workspace: Any) -> str:  # noqa: ANN401 a class of an extra
    """What would be sent to W&B. NOTE: the library has no public name for this."""
    content = workspace._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(content, indent=2)


def save(workspace: Any) -> str:  # noqa: ANN401 a class of an extra
    """Send the workspace to W&B.

    Returns:
        Its address.

    Raises:
        DRBNError: there is no key, no network or no such project.
    """
    try:
        return str(workspace.save().url)
    except Exception as error:  # W&B's own, and those of the library that it calls the network by
        raise DRBNError(
            f"W&B does not take the workspace ({reason_of(error)}); log in with `wandb login`, and train with "
            "logger=wandb once, so that the project is there"
        ) from None


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m drbn_lightning.workspace",
        description="Set up a W&B workspace for the runs of this package (pip install 'drbn-lightning[workspace]').",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("project", metavar="ENTITY/PROJECT", help="where the runs are")
    add("--name", default="drbn_lightning", help="name of the workspace (drbn_lightning)")
    add("--dry-run", action="store_true", help="write it as JSON instead, without a network")
    add_version(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
