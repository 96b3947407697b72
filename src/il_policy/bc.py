"""Behavioural cloning: columns of labels in, a checkpoint out.

Loss: mean squared error in normalised action units, or cross-entropy of a discrete axis; weighted
per row. Every member is trained on its own bootstrap resample and ends as a function of the seed,
bit by bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.structure import plain
from il_core.types import AxisKind
from il_data.dataset import Columns
from il_policy.checkpoint import PolicyFile, Training, check_new, writing
from il_policy.ensemble import Ensemble
from il_policy.export import write_files
from il_policy.fitting import Fit, Progress, Rows
from il_policy.nets import Head, Net, head_of, outputs_of
from il_policy.normalize import Normalization
from il_policy.sampling import INIT, Batches, Split, split
from il_policy.train_state import State, fingerprint, state_path


@dataclass(frozen=True)
class BcConfig:
    """How to clone.

    The budget is `epochs` passes over the training rows: epochs x rows / batch steps of every
    member, so that more data gets proportionally more steps. `steps` above 0 replaces it. Early
    stop: after `patience` evaluations (one per epoch) without a better validation loss; the best
    weights win. 0 is no early stop, and the last weights win. `std_floor` is the least spread a
    frame field is normalised by, in its own unit. A single member is not resampled.
    `threads`: members trained at a time; it changes no bit of the result.
    """

    members: int = 5
    hidden: tuple[int, ...] = (256, 256)
    head: Head = Head.TANH
    batch: int = 100
    epochs: float = 200.0
    steps: int = 0
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    bootstrap: bool = True
    validation: float = 0.1
    patience: int = 0
    std_floor: float = 0.01
    save_every_s: float = 60.0
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ('members', 'batch', 'learning_rate', 'std_floor', 'threads'):
            if not getattr(self, name) > 0:
                raise UserError(f'bc: {name}', getattr(self, name), 'must be above 0')
        for name in ('steps', 'weight_decay', 'patience'):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f'bc: {name}', getattr(self, name), 'must be 0 or above')
        if not 0 <= self.validation < 1:
            raise UserError('bc: validation', self.validation, 'must be in [0, 1)')
        if self.steps == 0 and not 0 < self.epochs < math.inf:
            rule = 'must be above 0, and finite, where steps is 0'
            raise UserError('bc: epochs', self.epochs, rule)
        if self.head not in (Head.LINEAR, Head.TANH):
            rule = 'is not for continuous axes; a discrete one gets its head by itself'
            raise UserError('bc: head', self.head.value, rule, ('linear', 'tanh'))

    def budget(self, rows: int) -> int:
        """Return the number of steps of every member for this many training rows."""
        return self.steps or math.ceil(self.epochs * rows / min(self.batch, rows))


def train(
    data: Columns,
    spec: Spec,
    config: BcConfig,
    *,
    seed: int,
    out: Path,
    progress: Callable[[Progress], None] | None = None,
    episodes: Mapping[str, str] | None = None,
    notes: str = '',
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """Clone the actions in `data` and write the checkpoint folder `out`.

    An interrupt (KeyboardInterrupt, also one raised by `progress`) and an error in `finish` leave
    `state_path(out)` behind. The next call with the same data, config and seed goes on from there
    and ends with the same bits as an uninterrupted run, also with other `threads`; any other call
    begins anew.

    Args:
        data: rows with weight 0 are left out.
        episodes: id and content hash of the training episodes, for the record.
        finish: called with the complete folder before it gets its name; a gate fitted on the
            policy adds its files here.

    Returns:
        `out`.

    Raises:
        UserError: no usable rows, columns of another spec, or `out` exists.
        OSError: `out` cannot be written, a full disk say. That the training's state cannot be is
            a RuntimeWarning.
    """
    check_new(out)
    data = usable(data, spec)
    parts = split(data.episode, config.validation, seed)
    normalization = Normalization.fit(data.observations[parts.train], spec, config.std_floor)
    fields, head = len(spec.frame_fields), head_of(spec, config.head)
    net = Net(fields, outputs_of(spec), head, config.members, config.hidden)
    fit = _prepare(data, parts, normalization, net, config, seed)
    mark = fingerprint(data, spec.hash, plain(dataclasses.replace(config, threads=1)), seed)
    left = State.load(state_path(out), mark)
    if left is not None:
        fit.restore(left)
    with _one_thread():
        _run(fit, config, progress, state_path(out), mark)
    weights = fit.result()
    training = _training(fit, config, seed, len(parts.train), episodes or {})
    names = spec.axis_names, spec.frame_fields
    policy = PolicyFile('bc', spec, spec.hash, *names, normalization, net, training, notes)
    with _named(out), writing(out) as tmp:
        write_files(tmp, policy, weights)
        if finish is not None:
            finish(tmp)
    state_path(out).unlink(missing_ok=True)
    return out


def usable(data: Columns, spec: Spec) -> Columns:
    """Return the rows with weight above 0. Raises UserError where they cannot train `spec`."""
    found = (data.observations.shape[1], data.actions.shape[1])
    wanted = (len(spec.frame_fields), len(spec.axes))
    if found != wanted:
        raise UserError('training data: fields, axes', found, f'the spec has {wanted}')
    if (data.weight < 0).any() or not np.isfinite(data.weight).all():
        raise UserError('training data: weight', data.weight.min(), 'must be 0 or above')
    keep = data.weight > 0
    if not keep.any():
        raise UserError('training data: rows', len(data), 'no labels; record demonstrations first')
    used = data[keep]
    for name in ('observations', 'actions'):
        bad = np.argwhere(~np.isfinite(getattr(used, name)))
        if len(bad):
            raise UserError(
                f'training data: {name}', tuple(bad[0].tolist()), 'is not finite there'
            )
    if spec.axes[0].kind is AxisKind.DISCRETE:
        _check_classes(used, spec)
    return used


def _check_classes(data: Columns, spec: Spec) -> None:
    axis, values = spec.axes[0], data.actions[:, 0]
    wrong = (values != np.rint(values)) | (values < axis.low) | (values > axis.high)
    if wrong.any():
        rule = f'axis {axis.name} takes the integers {axis.low:g}..{axis.high:g}'
        raise UserError('training data: action', values[wrong][0], rule)


def _prepare(
    data: Columns,
    parts: Split,
    normalization: Normalization,
    net: Net,
    config: BcConfig,
    seed: int,
) -> Fit:
    logits = net.head is Head.LOGITS
    convert = normalization.classes if logits else normalization.target
    rows = Rows(
        torch.from_numpy(normalization.observation(data.observations)),
        torch.from_numpy(convert(data.actions)),
        torch.from_numpy(data.weight / data.weight[parts.train].mean()).float(),
    )
    batch = min(config.batch, len(parts.train))
    resample = config.bootstrap and config.members > 1
    batches = Batches(parts.train, config.members, batch, seed, resample)
    first = net.initial(np.random.default_rng((INIT, seed)))
    ensemble = Ensemble(net, first, batch, config.learning_rate, config.weight_decay)
    steps = config.budget(len(parts.train))
    limits = steps, config.patience, config.threads
    return Fit(ensemble, rows, batches, parts.validation, *limits)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread per operation: these are small, and more wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run(
    fit: Fit,
    config: BcConfig,
    progress: Callable[[Progress], None] | None,
    path: Path,
    mark: str,
) -> None:
    """Train to the end; saves now and then, at the end, as what follows can be stopped, too, and
    on an interrupt the last evaluation's state."""
    state, saved = fit.state(), time.monotonic()
    try:
        while not fit.done:
            report = fit.advance()
            state = fit.state()
            if progress is not None:
                progress(report)
            if time.monotonic() - saved > config.save_every_s:
                _keep(state, path, mark)
                saved = time.monotonic()
    except KeyboardInterrupt:
        _keep(state, path, mark)
        raise
    _keep(state, path, mark)


def _keep(state: State, path: Path, mark: str) -> None:
    """Save a state where that is possible; a training does not end because it is not."""
    try:
        state.save(path, mark)
    except OSError as error:
        words = f'{path}: {error.strerror}: the training goes on, but a stop would lose it'
        warnings.warn(words, RuntimeWarning, stacklevel=2)


@contextlib.contextmanager
def _named(out: Path) -> Iterator[None]:
    """Say `out` in an error of the system that names no file, as those of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(out)
        raise


def _training(
    fit: Fit, config: BcConfig, seed: int, rows: int, episodes: Mapping[str, str]
) -> Training:
    versions = {
        'python': platform.python_version(),
        'numpy': np.__version__,
        'torch': torch.__version__,
        'onnx': onnx.__version__,
    }
    settings, losses = plain(config), (fit.loss, fit.validation_loss)
    return Training(seed, rows, fit.step, settings, versions, dict(episodes), *losses)
