"""What an interrupted training leaves behind: one safetensors file, written by atomic rename."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from il_data.dataset import Columns
from il_policy.nets import Floats


@dataclass(frozen=True, eq=False)
class State:
    """Arrays (weights, moments of the optimiser) and numbers (step, losses) of a training."""

    arrays: Mapping[str, Floats]
    numbers: Mapping[str, float]

    def save(self, path: Path, mark: str) -> None:
        """Write `path`; `mark` tells which training it belongs to. Raises OSError, and then leaves
        what was there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp = path.with_name(f'.{path.name}.partial')
        about = {'mark': mark, 'numbers': json.dumps(dict(self.numbers))}
        try:
            tmp.write_bytes(save(dict(self.arrays), metadata=about))
            os.replace(tmp, path)
        except OSError:
            tmp.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path, mark: str) -> State | None:
        """Read `path`; None where nothing is left, it is not whole, or of another training."""
        if not path.is_file():
            return None
        try:
            with safe_open(path, 'np') as file:
                about = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError:
            return None
        if about.get('mark') != mark:
            return None
        return cls(arrays, json.loads(about['numbers']))


def state_path(out: Path) -> Path:
    """Return where the training of checkpoint `out` keeps its state until it is done."""
    return out.with_name(f'{out.name}.training.safetensors')


def fingerprint(data: Columns, *rest: Any) -> str:
    """Return 16 hex digits over the data and everything else (JSON) that decides a training."""
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for column in (data.observations, data.actions, data.episode, data.weight):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]
