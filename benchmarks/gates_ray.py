"""The cells of gates.py on a Ray cluster: every worker runs `gates_cell.py` as gates.py would.

Workers need this project at the same path and Python. A cell's JSON comes back to the folder of
the one who asked, when it ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from il_core.errors import UserError
from il_data.atomic import write_text

Cell = tuple[str, int]


def execute(
    script: str, cell: Cell, options: Sequence[str], needs: Mapping[str, str], environ: Any
) -> str:
    """Run one cell here and return its JSON. `needs`: files that it reads, by name.

    Raises:
        RuntimeError: it failed; the text is what it said last.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in needs.items():
            (Path(scratch) / name).write_text(text)
        words = [sys.executable, script, cell[0], str(cell[1]), *options, '--folder', scratch]
        done = subprocess.run(
            words, env={**os.environ, **environ}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f'{cell[0]}, seed {cell[1]}: {done.stderr[-2000:]}')
        return (Path(scratch) / f'{cell[0]}_{cell[1]}.json').read_text()


def run_on_ray(
    cells: Sequence[Cell],
    options: Sequence[str],
    folder: Path,
    address: str,
    after: Mapping[str, str],
    environ: Mapping[str, str],
) -> list[Cell]:
    """Run cells on the cluster at `address`, one core each; return those that failed.

    Args:
        after: a method that needs another one's cell of the same seed first.
    """
    try:
        import ray  # an extra
    except ImportError as error:
        rule = 'needs Ray: pip install "interactive-il[ray]"'
        raise UserError('--ray', address, rule) from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level='warning')
    except (ConnectionError, ValueError) as error:
        raise UserError('--ray', address, f'no cluster there: {error}') from error
    remote = ray.remote(num_cpus=1)(execute)
    script = str(Path(__file__).with_name('gates_cell.py'))
    left, running, failed = list(cells), dict[Any, Cell](), list[Cell]()
    try:
        while left or running:
            for cell in [c for c in left if _ready(c, after, folder)]:
                left.remove(cell)
                need = f'{after[cell[0]]}_{cell[1]}.json' if cell[0] in after else ''
                needs = {need: (folder / need).read_text()} if need else {}
                running[remote.remote(script, cell, list(options), needs, dict(environ))] = cell
            if not running:  # what the rest waits for has failed
                return [*failed, *left]
            (done,), _ = ray.wait(list(running))
            cell = running.pop(done)
            try:
                write_text(folder / f'{cell[0]}_{cell[1]}.json', ray.get(done))
                print(f'{cell[0]}, seed {cell[1]}: done', flush=True)
            except ray.exceptions.RayError as error:  # it failed, or its worker is gone
                failed.append(cell)
                print(f'{cell[0]}, seed {cell[1]}: {error}', flush=True)
    finally:
        ray.shutdown()
    return failed


def _ready(cell: Cell, after: Mapping[str, str], folder: Path) -> bool:
    return cell[0] not in after or (folder / f'{after[cell[0]]}_{cell[1]}.json').is_file()
