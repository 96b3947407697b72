"""What every benchmark here reports in the same way: spread, machine, versions, one JSON file."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from il_data.atomic import write_json

PACKAGES = ('numpy', 'torch', 'onnxruntime', 'pybullet', 'mcap', 'rclpy')


def parser(doc: str | None, name: str, seed: int | None = 0) -> argparse.ArgumentParser:
    """Return a parser with --out (docs/results/NAME.json unless told otherwise), and with --seed
    unless that is None."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument('--out', type=Path, default=result_file(name), help='JSON file to write')
    if seed is not None:
        made.add_argument('--seed', type=int, default=seed, help='of whatever is random')
    return made


def result_file(name: str) -> Path:
    """Return where the committed result of that name is."""
    return Path(__file__).resolve().parents[1] / 'docs' / 'results' / f'{name}.json'


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return n, median with its 95 % interval (order statistics), quartiles, p90 and p99."""
    x = np.sort(np.fromiter(values, float))
    half = 0.98 * np.sqrt(len(x))
    low, high = (int(np.clip(len(x) / 2 + d, 0, len(x) - 1)) for d in (-half, half))
    names = ('median', 'q25', 'q75', 'p90', 'p99')
    quantiles = np.quantile(x, (0.5, 0.25, 0.75, 0.9, 0.99))
    return {
        'n': len(x),
        **dict(zip(names, map(float, quantiles), strict=True)),
        'median_low': float(x[low]),
        'median_high': float(x[high]),
    }


def machine() -> dict[str, Any]:
    """Return processor, cores, load and versions."""
    versions = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        'cpu': _cpu(),
        'cores': len(os.sched_getaffinity(0)),
        'load_1min': os.getloadavg()[0],
        'versions': versions,
    }


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write the result with the machine and the commit beside it, whole, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**result, 'machine': machine(), 'commit': commit()})
    print(f'written: {path}')


def row(name: str, values: Mapping[str, float], digits: int = 1, unit: str = '') -> None:
    """Print one line of a table."""
    keys = ('median', 'q25', 'q75', 'p99')
    cells = ' '.join(f'{key} {values[key]:10.{digits}f}' for key in keys)
    print(f'{name:<28} {cells}  n {values["n"]:<7} {unit}')


def commit() -> str:
    """Return the commit of this code, with a + where something was changed; empty: not known."""
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty=+']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''


def _cpu() -> str:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor()
