"""gate.json in a checkpoint: what was fitted for its policy, so that thresholds of one round never
meet the policy of another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.structure import plain, structure
from il_gating.params import check_limits
from il_policy.checkpoint import GRAPH, Checkpoint, load

GATE_FILE = 'gate.json'
FORMAT = 1


class NoCheckpoint(UserError):
    """A gate has read its parameters, and there is no checkpoint to look for its fit in."""


@dataclass(frozen=True)
class Fit:
    """What one gate learned. `alpha`: the share of the fitted states on which it may ask; `rows`:
    how many states those were; `scores`: theirs, for a gate that calibrates by itself."""

    thresholds: Mapping[str, float]
    alpha: float
    rows: int
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class GateFile:
    """Contents of gate.json. `policy` is `policy_hash` of the graph it was fitted for; `gates`
    maps registry names to fits."""

    policy: str
    spec_hash: str
    gates: Mapping[str, Mapping[str, object]]
    format: int = FORMAT


def policy_hash(graph: bytes) -> str:
    """Return 16 hex digits over the contents of policy.onnx: what runs, whatever lies beside
    it."""
    return hashlib.sha256(graph).hexdigest()[:16]


def gate_json(graph: bytes, spec: Spec, fits: Mapping[str, Fit]) -> bytes:
    """Return the contents of gate.json for the policy whose policy.onnx is `graph`."""
    gates = {name: plain(fit) for name, fit in fits.items()}
    file = GateFile(policy_hash(graph), spec.hash, gates)
    return (json.dumps(plain(file), indent=1, sort_keys=True) + '\n').encode()


def load_fit(
    spec: Spec,
    path: Path | None,
    gate: str,
    thresholds: Collection[str] = (),
    scores: Collection[str] = (),
) -> Fit:
    """Return what `gate` learned for the policy of a checkpoint folder.

    Args:
        thresholds, scores: those that the gate reads.

    Raises:
        UserError: no checkpoint, no gate.json, no fit of this gate in it, one of another policy,
            or without what the gate reads.
    """
    if path is None:
        raise NoCheckpoint(
            'checkpoint', '', f'gate `{gate}` needs one with its fit in {GATE_FILE}'
        )
    checkpoint, where = load(path, spec), f'{path}/{GATE_FILE}'
    remedy = f'`il round --gate {gate}` does that'
    if GATE_FILE not in checkpoint.files:
        rule = f'gate `{gate}` was never fitted for this policy, {remedy}'
        raise UserError(where, 'missing', rule)
    fits = fits_in(checkpoint)
    if gate not in fits:
        raise UserError(f'{where}: gate', gate, f'was not fitted, {remedy}', fits)
    return _whole(fits[gate], f'{where}: {gate}', thresholds, scores)


def find_fit(
    spec: Spec, path: Path | None, gate: str, thresholds: Collection[str] = ()
) -> Fit | None:
    """Return what `gate` learned for the policy of a checkpoint folder, None where nothing is
    there. Raises UserError where what is there belongs to another policy, or is broken."""
    fit = None if path is None else fits_in(load(path, spec)).get(gate)
    return None if fit is None else _whole(fit, f'{path}/{GATE_FILE}: {gate}', thresholds, ())


def fits_in(checkpoint: Checkpoint) -> Mapping[str, Mapping[str, object]]:
    """Return the fits in gate.json by gate; empty where there is no such file. Raises UserError
    where it is broken, of another format, of another policy or of another robot or task."""
    if GATE_FILE not in checkpoint.files:
        return {}
    where = f'{checkpoint.path}/{GATE_FILE}'
    try:
        data = json.loads(checkpoint.read(GATE_FILE))
    except ValueError as error:
        raise UserError(where, str(error), 'is not JSON') from error
    file = structure(GateFile, data, where)
    if file.format != FORMAT:
        raise UserError(f'{where}: format', file.format, f'must be {FORMAT}')
    ours = policy_hash(checkpoint.read(GRAPH))
    if file.policy != ours:
        raise UserError(f'{where}: policy', file.policy, f'fitted for another policy than {ours}')
    policy = checkpoint.policy
    # A later version may give a spec that is the same another hash: that in policy.json counts.
    if file.spec_hash not in (policy.spec_hash, policy.spec.hash):
        rule = f'fitted for another robot or task than {policy.spec.hash}, fit it anew'
        raise UserError(f'{where}: spec_hash', file.spec_hash, rule)
    return file.gates


def _whole(found: object, where: str, thresholds: Collection[str], scores: Collection[str]) -> Fit:
    """Return a fit that has these thresholds, and scores of as many states each."""
    fit = structure(Fit, found, where)
    for what, has, needs in (
        ('thresholds', fit.thresholds, thresholds),
        ('scores', fit.scores, scores),
    ):
        if missing := [name for name in needs if name not in has]:
            raise UserError(f'{where}: {what}', sorted(has), f'needs the key {missing[0]!r}')
    check_limits(fit.thresholds, f'{where}: thresholds: ')
    lengths = [len(fit.scores[name]) for name in scores]
    if lengths and (len(set(lengths)) > 1 or not lengths[0]):
        raise UserError(
            f'{where}: scores', lengths, 'must be of equally many states, at least one'
        )
    return fit


def fitted_file(spec: Spec, path: Path | None, name: str) -> bytes:
    """Return a file that was fitted beside the policy of a checkpoint. Raises UserError where it
    is missing or was cut."""
    if path is None:
        raise NoCheckpoint('checkpoint', '', f'the gate needs one with {name}')
    return load(path, spec).read(name)
