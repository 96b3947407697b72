"""A checkpoint: a folder that is complete and never changes once it has its name. Torch-free.

    policy.json           what the policy is and what it was trained on (`PolicyFile`)
    policy.onnx           what runs
    weights.safetensors   what training goes on from
    gate.json, ...        the gate fitted for this policy, where there is one
    files.json            name and SHA-256 of every other file, written last

The id is the first 16 hex digits of the SHA-256 over names and contents.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.structure import plain, structure
from il_data.atomic import sync
from il_policy.nets import Floats, Net
from il_policy.normalize import Normalization

FORMAT = 1
POLICY, GRAPH, WEIGHTS, FILES = 'policy.json', 'policy.onnx', 'weights.safetensors', 'files.json'


@dataclass(frozen=True)
class Training:
    """Where a policy comes from. `episodes` maps episode id to content hash, of those
    that gave labels."""

    seed: int
    rows: int
    steps: int
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    episodes: Mapping[str, str] = field(default_factory=dict)
    loss: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True)
class PolicyFile:
    """The contents of policy.json."""

    kind: str
    spec: Spec
    spec_hash: str
    axes: tuple[str, ...]
    frame_fields: tuple[str, ...]
    normalization: Normalization
    net: Net
    training: Training
    notes: str = ''
    format: int = FORMAT


@dataclass(frozen=True)
class Checkpoint:
    """A folder whose files were all there and whole when it was loaded."""

    path: Path
    id: str
    policy: PolicyFile
    files: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """Return one of its files. Raises UserError where it has no such file."""
        if name not in self.files:
            raise UserError(f'file of checkpoint {self.path}', name, 'not in it', self.files)
        return (self.path / name).read_bytes()

    def weights(self) -> dict[str, Floats]:
        """Return the net's parameters by name, checked against its shape."""
        try:
            weights = load_tensors(self.read(WEIGHTS))
        except SafetensorError as error:
            raise _broken(self.path, WEIGHTS, str(error)) from error
        self.policy.net.check(weights, f'{self.path}/{WEIGHTS}')
        return weights


def check_new(path: Path) -> None:
    """Raise UserError where `path` exists: a checkpoint is never changed."""
    if path.exists():
        raise UserError('checkpoint', str(path), 'exists and is never changed; choose another')


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a folder to fill, beside `path`; it gets the name `path` when the block ends without
    error, and vanishes otherwise.

    Raises:
        UserError: `path` exists; a checkpoint is never changed.
    """
    check_new(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = Path(tempfile.mkdtemp(prefix=f'.{path.name}.', suffix='.partial', dir=path.parent))
    try:
        tmp.chmod(0o755)
        yield tmp
        listed = {p.name: _sha256(p.read_bytes()) for p in sorted(tmp.iterdir())}
        listed.pop(FILES, None)
        (tmp / FILES).write_text(json.dumps(listed, indent=1, sort_keys=True) + '\n')
        for file in (*tmp.iterdir(), tmp):
            sync(file)
        tmp.rename(path)
        sync(path.parent)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def extend(source: Path, path: Path, files: Mapping[str, bytes]) -> Checkpoint:
    """Write `source` with `files` added (or replaced) as the new checkpoint `path`: how a refitted
    gate joins its policy."""
    checkpoint = load(source)
    with writing(path) as tmp:
        for name in checkpoint.files:
            (tmp / name).write_bytes(checkpoint.read(name))
        for name, content in files.items():
            (tmp / name).write_bytes(content)
    return load(path)


def write_policy(folder: Path, policy: PolicyFile) -> None:
    """Write policy.json."""
    (folder / POLICY).write_text(json.dumps(plain(policy), indent=1, sort_keys=True) + '\n')


def load(path: Path, spec: Spec | None = None) -> Checkpoint:
    """Open a checkpoint and make sure that it is whole and that it is for `spec`.

    Raises:
        UserError: there is none (says where one is), a file is missing, cut or changed, or the
            spec differs (one line per field).
    """
    if not path.is_dir():
        raise UserError('checkpoint', str(path), 'no such folder; train one with `il train`')
    if not any((path / name).exists() for name in (POLICY, FILES)):
        raise UserError('checkpoint', str(path), 'holds none', _inside(path))
    listed = _parse(path, FILES)
    for name, digest in listed.items():
        if _sha256(_read(path, name)) != digest:
            raise _broken(path, name, 'was cut or changed after it was written')
    policy = structure(PolicyFile, _migrated(path), f'{path}/{POLICY}')
    if spec is not None:
        _check_spec(path, policy.spec, spec)
    return Checkpoint(path, checkpoint_id(listed), policy, tuple(listed))


def _inside(path: Path) -> list[str]:
    """Return the checkpoints in the folder of a run or of a round, in the order of the rounds."""
    found = [path / 'checkpoint', *path.glob('round_*/checkpoint')]
    return sorted((str(p) for p in found if (p / POLICY).is_file()), key=lambda p: (len(p), p))


def checkpoint_id(digests: Mapping[str, str]) -> str:
    """Return the id of files given as name to SHA-256."""
    text = ''.join(f'{name} {digests[name]}\n' for name in sorted(digests))
    return _sha256(text.encode())[:16]


def _migrated(path: Path) -> Mapping[str, Any]:
    data = _parse(path, POLICY)
    if data.get('format') != FORMAT:
        raise UserError(f'{path}/{POLICY}: format', data.get('format'), f'must be {FORMAT}')
    return data


def _check_spec(path: Path, trained: Spec, running: Spec) -> None:
    lines = trained.diff(running)
    if lines:
        text = '\n  '.join(['trained for another robot or task (trained -> running):', *lines])
        raise UserError('checkpoint', str(path), text)


def _parse(path: Path, name: str) -> dict[str, Any]:
    try:
        data = json.loads(_read(path, name))
    except ValueError as error:
        raise _broken(path, name, f'is not JSON ({error})') from error
    if not isinstance(data, dict):
        raise _broken(path, name, 'must hold a mapping')
    return data


def _read(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise _broken(path, name, f'cannot be read ({error.strerror})') from error


def _broken(path: Path, name: str, why: str) -> UserError:
    rule = f'{why}; restore the folder from a copy, or train again'
    return UserError('checkpoint file', str(path / name), rule)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
