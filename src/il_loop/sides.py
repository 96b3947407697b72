"""What `il evaluate` is given: checkpoints to run, or bags of episodes that were run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from il_core.errors import UserError
from il_core.structure import plain
from il_data import manifest
from il_data.read import bag_folders
from il_gating.build import build_gate
from il_loop.evaluate import Evaluation, check_conditions, seed_spans
from il_loop.fits import probe_seeds
from il_loop.run_folder import RunFolder
from il_policy import checkpoint

Seeds = Sequence[int]


def is_checkpoint(path: Path) -> bool:
    return (path / checkpoint.POLICY).is_file()


def check_sides(*paths: Path, gate: str = '') -> None:
    """Make sure that all can be evaluated, before the first of them takes its time.

    Args:
        gate: that was asked for; empty where none was.

    Raises:
        UserError: a folder that is missing, or holds neither a checkpoint nor bags (says where
            there is one), a checkpoint that is not whole, a gate that was not fitted for it, or
            bags where there is a gate.
    """
    for path in paths:
        if is_checkpoint(path):
            spec = checkpoint.load(path).policy.spec
            if gate:
                build_gate(spec, gate, path, continuous_labels=True)
        elif not bag_folders(path):
            raise _nothing(path)
        elif gate:
            rule = (
                f'is for checkpoints; bags have the gate that recorded them, and {path} are bags'
            )
            raise UserError('--gate', gate, rule)


def to_run(path: Path, asked: Seeds, *others: Evaluation) -> tuple[Seeds, str]:
    """Return the seeds of one side, those that the other has where that was counted already, and
    the lines that tell what is special about them. Bags are asked for all.

    Raises:
        UserError: the other side is of another task or spec than this checkpoint.
    """
    if not is_checkpoint(path):
        return asked, ''
    spec, words = checkpoint.load(path).policy.spec, ''
    for other in others:
        check_conditions(other, spec.task.name, spec.hash, plain(spec))
    seeds: Seeds = others[0].seeds if others else asked
    if len(seeds) < len(asked):
        words += f'{path} is run on those of {others[0].label}: {seed_spans(seeds)}\n'
    known = sorted(learned_seeds(path) & set(seeds))
    if known:
        which = f'{len(known)} of these {len(seeds)} seeds ({seed_spans(known)})'
        words += f'{path} has learned from {which}: on new ones it may do worse\n'
    return seeds, words


def learned_seeds(path: Path) -> set[int]:
    """Return the seeds of the episodes that a checkpoint and its gate were made from, as far as
    its run folder is there to tell."""
    loaded, above = checkpoint.load(path), path.absolute().parents
    ids = set(loaded.policy.training.episodes)
    seeds: set[int] = set()
    with contextlib.suppress(UserError):
        for made in [made for folder in above[1:2] for made in RunFolder(folder).rounds()]:
            if made.checkpoint_id == loaded.id:
                seeds.update(probe_seeds(made.number, made.gate.get('probes', 0)))
                # The gate is fitted to episodes without a label, too.
                bad = manifest.Verdict.BAD.value
                ids.update(e.id for e in made.episodes if e.verdict != bad)
    for bag in [RunFolder(folder).bags / name for folder in above[:2] for name in ids]:
        if (bag / manifest.FILE).is_file():
            with contextlib.suppress(UserError):  # damaged: this is a hint, and no reader of bags
                seeds.add(manifest.load(bag).seed)
    return seeds


def _nothing(path: Path) -> UserError:
    if not path.is_dir():
        return UserError('folder', str(path), 'no such folder')
    near = _checkpoints(path)
    hint = f'; did you mean {near[-1]}?' if near else ''
    return UserError('folder', str(path), f'holds neither a checkpoint nor bags{hint}')


def _checkpoints(path: Path) -> list[Path]:
    """Return the checkpoints one level below a round's folder or a run's, in order."""
    run = RunFolder(path)
    inside = [run.checkpoint(made.number) for made in run.rounds()]
    return [p for p in (*inside, path / 'checkpoint') if is_checkpoint(p)]
