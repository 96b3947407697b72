"""What `il evaluate` is given: checkpoints to run, or bags of episodes that were run."""

from __future__ import annotations

from pathlib import Path

from il_core.errors import UserError
from il_data.read import bag_folders
from il_gating.build import build_gate
from il_loop.run_folder import RunFolder
from il_policy import checkpoint


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
