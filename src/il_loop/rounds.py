"""One round: select what is supervision, aggregate it over all rounds, clone from scratch, fit
the gate, and put it all into the run folder at once."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from il_core.errors import UserError
from il_core.structure import differences, plain, structure
from il_data import manifest
from il_data.dataset import EVERY_STATE, INTERVENTIONS, Labels, Selection, labels, notes
from il_data.episode import Episode
from il_data.read import each_once, finished_bags, read_episode
from il_gating.api import GATES
from il_loop.fits import ALIKE, BY_ALPHA, MOST_PROBES, PROBED, PROBES, SPREAD
from il_loop.gate_fit import FitInputs, fit_gate
from il_loop.round_episodes import check_kept, content_hash, entries, known, newest, trained_on
from il_loop.run_folder import RoundFile, RunFolder
from il_loop.run_lock import locked
from il_policy import bc, checkpoint
from il_policy.api import Policy
from il_policy.checkpoint import GRAPH
from il_policy.critic import CriticConfig
from il_policy.fitting import Progress
from il_policy.policies.bc import BcPolicy
from il_policy.runtime import OnnxRuntime

CHECKPOINT, KEPT = 'checkpoint', 'fit'
Probe = Callable[[Policy], Sequence[Episode]]


@dataclass(frozen=True)
class RoundConfig:
    """How every round is made, the same for all of them.

    Attributes:
        bc: how to clone. The budget is in epochs, so every label gets the same optimiser steps
            in every round.
        gate: registry name of the gate that collects and is fitted, where it has something to
            fit; empty for none.
        alpha: share of the policy's own states on which the gate may ask; None: the gate's own.
        critic: how a gate's critics are trained, where it has some.
        weighting: of the labels, see `il_data.weighting`; empty: none.
        seed: of the training; the same in every round.
        probes: episodes of the new policy alone, for gates with a critic, where there is a
            simulator.
    """

    bc: bc.BcConfig = field(default_factory=bc.BcConfig)
    gate: str = 'novelty'
    alpha: float | None = None
    critic: CriticConfig = field(default_factory=CriticConfig)
    weighting: str = ''
    seed: int = 0
    probes: int = PROBES

    def __post_init__(self) -> None:
        if not 0 <= self.probes <= MOST_PROBES:
            rule = f'must be 0 to {MOST_PROBES}, or rounds share seeds'
            raise UserError('probes', self.probes, rule)
        if self.gate in SPREAD and self.bc.members < 2:
            rule = f'must be at least 2 for gate {self.gate}, which asks where members disagree'
            raise UserError('members', self.bc.members, rule)
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise UserError('alpha', self.alpha, 'is a share of states: must be in [0, 1]')
        self.labelled  # noqa: B018  made, it has checked the names of gate and weighting

    @property
    def labelled(self) -> Selection:
        """What counts as supervision: every state where the gate's human acts at every tick."""
        every = bool(self.gate) and GATES.load(self.gate).needs_expert_action
        chosen = EVERY_STATE if every else INTERVENTIONS
        return replace(chosen, weighting=self.weighting)


def read_bags(run: RunFolder) -> list[Episode]:
    """Return the finished episodes of a run, oldest first. Raises UserError where there is none.

    One that is being recorded would be another one the next time.
    """
    bags = [bag for bag in finished_bags(run.bags) if (bag / manifest.FILE).is_file()]
    if not bags:
        raise run.lacks('holds no episode (bags/EPISODE_ID)', 'record some with `il collect`')
    return each_once([read_episode(bag) for bag in bags])


def make_round(
    run: RunFolder,
    episodes: Sequence[Episode],
    config: RoundConfig,
    progress: Callable[[Progress], None] | None = None,
    probe: Probe | None = None,
    number: int | None = None,
) -> RoundFile:
    """Make the next round from all episodes, or return the last one where nothing is new. An
    episode with another outcome or verdict than before is.

    An interrupt leaves the training's state behind, also one in the gate's fit; calling again with
    the same episodes goes on from there.

    Args:
        episodes: all that there are, demonstrations included, of this and earlier rounds.
        probe: lets the new policy act alone for some episodes, from which a gate learns where it
            fails; they are no labels.
        number: of the next round when bags were read and probes were made for it.

    Raises:
        UserError: no labels, episodes of an earlier round are missing or changed, nothing new but
            other settings than the last round's, an alpha that differs from the one by which an
            earlier round settled the gate, another process makes a round in this folder, or has.
    """
    with locked(run.path):
        if number is not None and number != run.next_number():
            raise UserError('round', number, f'was made in {run.path} meanwhile: do it again')
        return _make_round(run, episodes, config, progress, probe)


def _make_round(
    run: RunFolder,
    episodes: Sequence[Episode],
    config: RoundConfig,
    progress: Callable[[Progress], None] | None,
    probe: Probe | None,
) -> RoundFile:
    done = run.rounds()
    hashes = {e.episode_id: content_hash(e) for e in episodes}
    last = done[-1].episodes if done else ()
    check_kept(last, hashes)
    asked, first = config, _first(done, config.gate)
    config = _settled(config, first)
    old = known(episodes, last)
    if done and set(hashes) == old:
        _check_same(done, config)
        return done[-1]
    number = run.next_number()
    run.check_free(number)
    selected = labels(episodes, config.labelled)
    folder = run.partial(number)
    begin = time.monotonic()
    new = newest(episodes, done)
    work = _Work(number, folder, episodes, new, selected, hashes, config, probe, progress)
    gate = _train(work, first.get('thresholds', {}))
    noted = entries(episodes, selected, hashes, old)
    loaded = checkpoint.load(folder / CHECKPOINT)
    made = RoundFile(
        number=number,
        task=episodes[0].spec.task.name,
        spec_hash=episodes[0].spec.hash,
        checkpoint_id=loaded.id,
        labels=len(selected.columns.learned),
        human_labels=_human_labels(work),
        new_labels=sum(e.labels for e in noted if e.new),
        selection=config.labelled.words,
        seed=config.seed,
        episodes=noted,
        config=plain(config.bc),
        gate=gate,
        validation_loss=loaded.policy.training.validation_loss,
        training_s=time.monotonic() - begin,
        settings=plain(asked),
    )
    shutil.rmtree(folder / KEPT, ignore_errors=True)
    run.finish(made)
    return made


def _first(done: Sequence[RoundFile], gate: str) -> Mapping[str, Any]:
    """Return what the first round with this gate, or with one of the same fit, says of it."""
    same = ALIKE if gate in ALIKE else (gate,)
    return next((r.gate for r in done if r.gate.get('name') in same and r.gate['thresholds']), {})


def _settled(config: RoundConfig, first: Mapping[str, Any]) -> RoundConfig:
    """Return the settings with the alpha by which the gate's first round settled tau."""
    if config.gate not in BY_ALPHA or not first:
        return config
    if config.alpha not in (None, first['alpha']):
        rule = f'must be {first["alpha"]}: by it the first round with this gate has settled tau'
        raise UserError('alpha', config.alpha, rule)
    return replace(config, alpha=first['alpha'])


def _check_same(done: Sequence[RoundFile], config: RoundConfig) -> None:
    """The last round is no answer to other settings: its gate may not even be fitted."""
    last = done[-1]
    if not last.settings:
        return
    was = structure(RoundConfig, last.settings, f'round {last.number}: settings')
    was = _settled(was, _first(done, was.gate))
    changed = differences(plain(_deciding(was)), plain(_deciding(config)))
    if changed:
        rule = (
            f'round {last.number} was made with others, and no episode is new: record one, or '
            'choose another run folder'
        )
        raise UserError('settings', '; '.join(changed), rule)


def _deciding(config: RoundConfig) -> RoundConfig:
    """Return the settings without those that change no bit."""
    bc = replace(config.bc, threads=1, save_every_s=0.0)
    probes = config.probes if config.gate in PROBED else 0
    return replace(config, bc=bc, critic=replace(config.critic, threads=1), probes=probes)


@dataclass(frozen=True, eq=False)
class _Work:
    """What one round is made from."""

    number: int
    folder: Path
    episodes: Sequence[Episode]
    new: Sequence[Episode]
    selected: Labels
    hashes: Mapping[str, str]
    config: RoundConfig
    probe: Probe | None
    progress: Callable[[Progress], None] | None


def _train(work: _Work, fixed: Mapping[str, float]) -> Mapping[str, Any]:
    """Write folder/checkpoint and return what is known of its gate."""
    config = work.config
    work.folder.mkdir(parents=True, exist_ok=True)
    out = work.folder / CHECKPOINT
    shutil.rmtree(out, ignore_errors=True)  # finished, but the round was not
    gate: dict[str, Any] = {}

    def finish(path: Path) -> None:
        if config.gate:
            gate.update(_fit(work, path, fixed))

    bc.train(
        work.selected.columns,
        work.new[0].spec,
        config.bc,
        seed=config.seed,
        out=out,
        progress=work.progress,
        episodes=trained_on(work.episodes, work.selected, work.hashes),
        notes=notes(work.selected, config.labelled, work.episodes),
        finish=finish,
    )
    return gate


def _fit(work: _Work, path: Path, fixed: Mapping[str, float]) -> Mapping[str, Any]:
    """Fit the gate into a checkpoint folder that is not finished yet."""
    probes: Sequence[Episode] = ()
    if work.probe is not None:
        runtime = OnnxRuntime((path / GRAPH).read_bytes())
        probes = work.probe(BcPolicy(work.new[0].spec, 'probe', runtime))

    def told(step: int) -> None:
        if work.progress is not None:
            work.progress(Progress(step, work.config.critic.steps, math.nan, None))

    trusted = work.config.labelled.verdicts
    return fit_gate(
        FitInputs(
            gate=work.config.gate,
            number=work.number,
            folder=path,
            columns=_human(work).columns,
            trained=work.selected.columns.learned,
            episodes=[e for e in work.episodes if e.verdict in trusted],
            new=[e for e in work.new if e.verdict in trusted],
            probes=probes,
            kept=work.folder / KEPT,
            bc=work.config.bc,
            seed=work.config.seed,
            critic=work.config.critic,
            alpha=work.config.alpha,
            fixed=fixed,
            progress=told,
            training=work.progress,
        )
    )


def _human(work: _Work) -> Labels:
    """Return the human's labels, which gates are fitted to."""
    chosen = work.config.labelled
    if not chosen.weighting:
        return work.selected
    return labels(work.episodes, replace(chosen, weighting=''))


def _human_labels(work: _Work) -> int:
    try:
        return len(_human(work).columns)
    except UserError:  # with a weighting, the policy's steps alone train a policy, too
        return 0
