"""A blind comparison of two methods: pairs of images in random order, without names, and what people prefer in them.

    python benchmarks/blind_pairs.py OUT FIRST SECOND --images 01 02 03
    python benchmarks/blind_pairs.py OUT --answers ABBA...

The first command writes OUT/pair_01.png and so on, one image on the left (A) and one on the right (B), and OUT/key.csv.
The second one takes an A, a B or a dot (no preference) for each pair, in order, and says whose were preferred.
"""

import argparse
import csv
import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from contact_sheet import files_of, sheet

KEY = "key.csv"


def write_pairs(out: Path, folders: Sequence[Path], images: Sequence[str], *, seed: int, height: int) -> None:
    """Write the pairs and the key.

    Args:
        out: folder, which must not hold a key yet.
        folders: the results of the two methods; files belong together by their names without the suffix.
        images: these names; all of the first folder where there are none.
        seed: of the order of the pairs, and of each pair's two images.
        height: of an image in pixels.

    Raises:
        SystemExit: a key is there already, or an image is missing.
    """
    if (out / KEY).exists():
        sys.exit(f"error: {out / KEY} exists; a comparison that was looked at must not be drawn again")
    files, rng = [files_of(folder) for folder in folders], random.Random(seed)
    names = list(images) or list(files[0])
    rng.shuffle(names)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, name in enumerate(names, 1):
        order = rng.sample((0, 1), 2)
        pair = sheet(dict(zip("AB", (files[side] for side in order), strict=True)), [name], height)
        pair.save(out / f"pair_{number:02d}.png")
        rows.append([number, name, *(str(folders[side]) for side in order)])
    with (out / KEY).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["pair", "image", "A", "B"], *rows])


def preferred(out: Path, answers: str) -> dict[str, list[str]]:
    """Which images of which folder were preferred.

    Args:
        out: the folder with the key.
        answers: A, B or a dot for each pair, in order.

    Returns:
        Names of images by folder; those without preference under a dot.

    Raises:
        SystemExit: there are more or fewer answers than pairs, or other ones.
    """
    with (out / KEY).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if len(answers) != len(rows) or set(answers) - set("AB."):
        sys.exit(f"error: give A, B or a dot for each of the {len(rows)} pairs, in order, not {len(answers)} answers")
    found = {folder: list[str]() for folder in (*sorted({row["A"] for row in rows} | {row["B"] for row in rows}), ".")}
    for row, answer in zip(rows, answers, strict=True):
        found[row.get(answer, ".")].append(row["image"])
    return found


def sign_test(wins: int, losses: int) -> float:
    """Probability of a split at least as uneven of as many pairs, where neither method is better (two-sided)."""
    count, most = wins + losses, max(wins, losses)
    return float(min(1.0, 2 * sum(math.comb(count, k) for k in range(most, count + 1)) / 2**count))


def main(argv: Sequence[str] | None = None) -> None:
    """Write pairs, or count answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the pairs and their key")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="results of two methods")
    parser.add_argument("--images", nargs="+", default=[], metavar="NAME", help="names without suffix (all)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the order (0)")
    parser.add_argument("--height", type=int, default=480, metavar="N", help="of each image in pixels (480)")
    parser.add_argument("--answers", metavar="AB....", help="count these instead")
    options = parser.parse_args(argv)
    if (options.answers is None) == (len(options.folders) != 2):
        parser.error("give two folders, or --answers")
    if options.answers is None:
        write_pairs(options.out, options.folders, options.images, seed=options.seed, height=options.height)
        return
    found = preferred(options.out, options.answers)
    for folder, images in found.items():
        sys.stdout.write(f"{folder}: {len(images)} ({' '.join(images)})\n")
    first, second = (len(images) for folder, images in found.items() if folder != ".")
    sys.stdout.write(f"sign test: p = {sign_test(first, second):.3f}\n")


if __name__ == "__main__":
    main()
