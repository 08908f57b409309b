"""What the benchmarks share: taking turns, the machine and its ceilings, tables, JSON, comparison with earlier runs.

Ways are run in turn, so that whatever else the machine does falls on all of them alike; figures to trust are ratios
within one run. `--clock cpu` counts the processor time of the process instead of time that passes, which others on the
machine hardly change.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import written_beside

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Seconds = dict[str, list[float]]


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int, clock: str = "wall", device: str = "cpu") -> Seconds:
    """Seconds of each way in each round, after a round that does not count."""
    for way in ways.values():
        way()
    seconds: Seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(once(way, clock, device))
    return seconds


def once(way: Callable[[], object], clock: str = "wall", device: str = "cpu") -> float:
    """Seconds of one call, until the device has done all of it."""
    start = CLOCKS[clock]()
    way()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return CLOCKS[clock]() - start


def machine(threads: int, device: str = "cpu") -> dict[str, Any]:
    """What this machine is and, measured now, the most that it can do: a matrix product and a copy."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": (names or [platform.processor()])[0],
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "threads": threads,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def ceilings(clock: str = "wall", device: str = "cpu") -> dict[str, float]:
    """GFLOP/s of a float32 matrix product of 1024 x 1024, and GB/s of a copy of 64 MB, medians of nine."""
    left, right = (torch.rand(1024, 1024, device=device) for _ in range(2))
    product, source, target = torch.empty_like(left), *(torch.rand(2**24, device=device) for _ in range(2))
    ways = {"product": lambda: torch.mm(left, right, out=product), "copy": lambda: target.copy_(source)}
    seconds = {name: median(values) for name, values in in_turn(ways, 9, clock, device).items()}
    return {
        "matrix_product_gflops": round(2 * 1024**3 / seconds["product"] / 1e9, 1),
        "copy_gb_per_s": round(2 * source.nbytes / seconds["copy"] / 1e9, 1),
    }


def figures(seconds: Mapping[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Median, least and most of each way, and how many times as fast as the first one it is, round by round."""
    first = next(iter(seconds.values()))
    results = {}
    for name, values in seconds.items():
        ratios = sorted(a / b for a, b in zip(first, values, strict=True))
        results[name] = {
            "seconds": [round(value, 6) for value in values],
            "median": median(values),
            "ratio": median(ratios),
            "ratio_spread": [ratios[0], ratios[-1]],
        }
    return results


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each way.

    Example:
        >>> print(table(figures({"released": [2.0, 3.0], "ours": [1.0, 2.0]})))
        way       median s  least s  most s  times as fast (spread)
        released     2.500    2.000   3.000  1.00 (1.00 to 1.00)
        ours         1.500    1.000   2.000  1.75 (1.50 to 2.00)
    """
    width = max(len("way"), *map(len, results))
    lines = [f"{'way':{width}}  median s  least s  most s  times as fast (spread)"]
    for name, one in results.items():
        low, high = one["ratio_spread"]
        spread = f"{one['ratio']:.2f} ({low:.2f} to {high:.2f})"
        lines.append(
            f"{name:{width}}  {one['median']:8.3f}  {min(one['seconds']):7.3f} {max(one['seconds']):7.3f}  {spread}"
        )
    return "\n".join(lines)


def compared(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """How many times as fast each way is as in an earlier run, for what the matrix product could do then and now.

    Raises:
        DRBNError: the earlier run is that of another benchmark, or has no way in common.
    """
    shared = [name for name in now["results"] if name in before.get("results", {})]
    if now["benchmark"] != before.get("benchmark") or not shared:
        raise DRBNError(f"--compare: that file holds no result of {now['benchmark']} that could be compared")
    lines = [f"against {before['date']} on {before['machine']['processor']}, by the work of a matrix product:"]
    for name in shared:
        new, old = (run["results"][name]["median"] * run["ceilings"]["matrix_product_gflops"] for run in (now, before))
        lines.append(f"{name}: {old / new:.2f} times as fast")
    if now["settings"] != before["settings"]:
        lines.append("the settings differ: " + ", ".join(sorted(_differing(now["settings"], before["settings"]))))
    return "\n".join(lines)


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    return {key for key in {*one, *other} if one.get(key) != other.get(key)}


def report(name: str, options: argparse.Namespace, results: Mapping[str, Any], *notes: str) -> None:
    """Print the table, write `--json` and compare with `--compare`.

    Raises:
        DRBNError: the earlier run cannot be read or compared.
    """
    shown = {"json", "compare", "peer", "weights"}
    run = {
        "benchmark": name,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "settings": {key: str(value) for key, value in vars(options).items() if key not in shown},
        "machine": machine(options.threads, options.device),
        "ceilings": ceilings(options.clock, options.device),
        "notes": list(notes),
        "results": dict(results),
    }
    about, most = run["machine"], run["ceilings"]
    speaks = f"{about['cores']} cores, threads: {about['threads']}, torch {about['torch']}"
    say(f"{run['date']}, {about['processor']}, {speaks}")
    say(f"ceilings: {most['matrix_product_gflops']} GFLOP/s, {most['copy_gb_per_s']} GB/s; load {about['load_before']}")
    say("\n".join([table(results), *notes]))
    if options.json is not None:
        with written_beside(options.json) as beside:
            beside.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    if options.compare is not None:
        try:
            before = json.loads(options.compare.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DRBNError(f"--compare {options.compare} cannot be read: {error}") from None
        say(compared(run, before))


def common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every benchmark has."""
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often each way is run (5)")
    add("--threads", type=int, default=torch.get_num_threads(), help="of torch (as many as it takes by itself)")
    add("--device", default="cpu", help="cpu or cuda")
    add("--clock", choices=CLOCKS, default="wall", help="time that passes, or processor time of the process (wall)")
    add("--json", type=Path, metavar="FILE", help="where to write the results, with the machine and its ceilings")
    add("--compare", type=Path, metavar="FILE", help="an earlier run's results, such as one in benchmarks/history")


def run(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], None]) -> int:
    """Measure what the command line says; an error becomes one line."""
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        measure(options)
    except DRBNError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
