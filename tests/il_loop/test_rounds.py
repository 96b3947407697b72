"""Rounds: aggregate, retrain, fit the gate; interrupted and repeated without harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from il_core.errors import UserError
from il_data.manifest import Verdict
from il_gating.gate_file import load_fit
from il_loop import rounds
from il_loop.cast import ALONE, ASSISTED, DEMONSTRATE, make_loop, play
from il_loop.round_episodes import entries
from il_loop.rounds import RoundConfig, make_round
from il_loop.run_folder import RunFolder
from il_loop.sides import learned_seeds
from il_policy import checkpoint
from il_policy.bc import BcConfig
from il_policy.critic import CriticConfig
from il_policy.train_state import state_path
from tests.toy import ToyWorld, toy_spec

QUICK = RoundConfig(BcConfig(members=3, hidden=(32, 32), epochs=60, batch=32))
THRIFTY = RoundConfig(QUICK.bc, 'thrifty_dagger', critic=CriticConfig(steps=250))
LONG = RoundConfig(BcConfig(members=3, hidden=(32, 32), epochs=300, batch=32))


@pytest.fixture(scope='module')
def demos():
    return play(make_loop(ToyWorld(), DEMONSTRATE), range(4), 'demo')


@pytest.fixture(scope='module')
def trained(tmp_path_factory, demos):
    """A run folder with two rounds, and the episodes they were made from."""
    run = RunFolder(tmp_path_factory.mktemp('run'))
    make_round(run, demos, QUICK)
    helped = play(make_loop(ToyWorld(), ASSISTED, run.checkpoint(0)), range(100, 108), 'helped')
    make_round(run, [*demos, *helped], QUICK)
    return run, [*demos, *helped]


def test_first_round_learns_from_demonstrations(trained, demos):
    run, _ = trained
    first = run.read_round(0)
    assert first.labels == first.new_labels == sum(len(e) for e in demos)
    assert [e.id for e in first.episodes] == [e.episode_id for e in demos]
    assert first.checkpoint_id == checkpoint.load(run.checkpoint(0), toy_spec()).id
    assert first.gate['states'] == 'of episodes left out in turn'
    assert first.gate['rows'] == first.labels, 'every label was judged by a policy without it'


def test_second_round_adds_only_what_the_human_did(trained):
    run, episodes = trained
    first, second = run.rounds()
    fresh = [e for e in second.episodes if e.new]
    assert [e.id for e in fresh] == [f'helped_{seed}' for seed in range(100, 108)]
    human = sum(int(e.human_labels.sum()) for e in episodes[4:])
    assert second.new_labels == human > 0
    assert second.labels == first.labels + human
    assert human < sum(len(e) for e in episodes[4:])
    assert second.checkpoint_id != first.checkpoint_id
    assert second.config == first.config


def test_gate_of_a_round_is_for_its_policy_and_its_states(trained):
    run, _ = trained
    second = run.read_round(1)
    fit = load_fit(toy_spec(), run.checkpoint(1), 'novelty')
    assert dict(fit.thresholds) == second.gate['thresholds']
    assert second.gate['states'] == 'of the policy'
    assert fit.rows == second.gate['rows']


def test_correcting_helps_on_the_toy(trained):
    run, _ = trained
    wins = []
    for number in (0, 1):
        alone = play(make_loop(ToyWorld(), ALONE, run.checkpoint(number)), range(200, 230))
        wins.append(sum(e.outcome.name == 'SUCCESS' for e in alone))
    assert wins[1] > wins[0]


def test_nothing_new_trains_nothing(trained):
    run, episodes = trained
    before = sorted(p.name for p in run.path.iterdir())
    assert make_round(run, episodes, QUICK) == run.read_round(1)
    assert sorted(p.name for p in run.path.iterdir()) == before


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        ({'gate': 'thrifty_dagger'}, "gate: 'novelty' -> 'thrifty_dagger'"),
        ({'alpha': 0.5}, 'alpha: None -> 0.5'),
        ({'weighting': 'iwr'}, "weighting: '' -> 'iwr'"),
        ({'seed': 3}, 'seed: 0 -> 3'),
        ({'bc': replace(QUICK.bc, members=2)}, 'bc.members: 3 -> 2'),
    ],
)
def test_other_settings_without_a_new_episode_are_refused(trained, change, says):
    run, episodes = trained
    with pytest.raises(UserError, match=f'{says}.*round 1 .*no episode is new'):
        make_round(run, episodes, replace(QUICK, **change))
    assert len(run.rounds()) == 2
    same = replace(QUICK, bc=replace(QUICK.bc, threads=2), probes=0)
    assert make_round(run, episodes, same) == run.read_round(1), 'they change no bit'


def test_another_number_of_probes_is_another_setting_of_a_gate_that_has_some(tmp_path, demos):
    run = RunFolder(tmp_path)
    make_round(run, demos, THRIFTY)
    with pytest.raises(UserError, match=r'probes: 10 -> 0.*round 0 '):
        make_round(run, demos, replace(THRIFTY, probes=0))


OTHER = """
import sys
from il_loop.run_lock import locked
from pathlib import Path
with locked(Path(sys.argv[1])):
    print('holds it', flush=True)
    sys.stdin.read()
"""


def test_a_round_beside_another_is_refused_before_it_trains_and_leaves_it_alone(tmp_path, demos):
    run, steps = RunFolder(tmp_path), []

    def beside(progress):
        steps.append(progress.step)
        if len(steps) == 1:
            with pytest.raises(UserError, match=rf'a round is being made .* {os.getpid()} since'):
                make_round(run, demos, LONG, lambda _: pytest.fail('it trained'))

    made = make_round(run, demos, QUICK, beside)
    assert checkpoint.load(run.checkpoint(0)).id == made.checkpoint_id
    assert make_round(run, demos, QUICK) == made, 'the lock is let go'


def test_a_process_that_makes_a_round_is_named_and_its_lock_ends_with_it(tmp_path, demos):
    argv = [sys.executable, '-c', OTHER, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'holds it\n'
        with pytest.raises(UserError, match=rf'process {other.pid} since .*{tmp_path}; wait for'):
            make_round(RunFolder(tmp_path), demos, QUICK)
        other.kill()
    assert make_round(RunFolder(tmp_path), demos, QUICK).number == 0


def test_a_round_without_its_checkpoint_does_not_get_its_name(tmp_path, demos, monkeypatch):
    run = RunFolder(tmp_path)

    def lose(*given):
        shutil.rmtree(run.partial(0) / 'checkpoint')
        return entries(*given)

    monkeypatch.setattr(rounds, 'entries', lose)
    with pytest.raises(UserError, match=r'checkpoint.*no such folder'):
        make_round(run, demos, QUICK)
    assert run.rounds() == []
    monkeypatch.undo()
    assert make_round(run, demos, QUICK).number == 0


def test_a_round_is_on_the_disk_before_it_gets_its_name(tmp_path, demos, monkeypatch):
    """A computer that loses its power in between must not find a round that is cut."""
    run, synced, sync = RunFolder(tmp_path), [], os.fsync

    def noted(handle):
        sync(handle)
        path = Path(os.readlink(f'/proc/self/fd/{handle}'))
        synced.append((path.relative_to(tmp_path), run.round(0).exists()))

    monkeypatch.setattr(os, 'fsync', noted)
    make_round(run, demos, QUICK)
    folder = Path(run.partial(0).name)
    file = folder / '.round.json.part'
    assert synced[-3:] == [(file, False), (folder, False), (Path(), True)]


def test_a_round_after_a_lost_one_comes_after_the_last(trained, tmp_path):
    run, episodes = RunFolder(tmp_path), trained[1]
    (tmp_path / 'round_1').symlink_to(trained[0].round(1))
    more = play(make_loop(ToyWorld(), DEMONSTRATE), [50], 'more')
    assert make_round(run, episodes, QUICK, number=2).number == 1, 'nothing is new'
    with pytest.raises(UserError, match=r'round is 1: was made in .* meanwhile: do it again'):
        make_round(run, [*episodes, *more], QUICK, number=1)
    assert make_round(run, [*episodes, *more], QUICK).number == 2
    assert [made.number for made in run.rounds()] == [1, 2]


def test_what_has_the_name_of_the_next_round_is_found_before_the_training(tmp_path, demos):
    (tmp_path / 'round_0' / 'checkpoint').mkdir(parents=True)
    with pytest.raises(UserError, match=r"round_0': has no round\.json.*move it"):
        make_round(RunFolder(tmp_path), demos, QUICK, lambda _: pytest.fail('it trained'))


def test_lost_or_changed_episodes_are_refused(trained):
    run, episodes = trained
    with pytest.raises(UserError, match=r'demo_0.*missing'):
        make_round(run, episodes[1:], QUICK)
    other = play(make_loop(ToyWorld(), DEMONSTRATE), [50], 'demo_x')[0]
    swapped = [play(make_loop(ToyWorld(), DEMONSTRATE), [0], 'demo')[0], *episodes[1:], other]
    make_same = swapped[0].steps.copy()
    assert np.array_equal(make_same['command'], episodes[0].steps['command'])
    swapped[0].steps['command'][0] += 1
    with pytest.raises(UserError, match='content of episode demo_0'):
        make_round(run, swapped, QUICK)


def test_interrupted_round_goes_on_and_ends_the_same(tmp_path, demos):
    whole = make_round(RunFolder(tmp_path / 'whole'), demos, LONG)
    run, calls = RunFolder(tmp_path / 'cut'), []

    def interrupt(progress):
        calls.append(progress.step)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_round(run, demos, LONG, interrupt)
    assert run.rounds() == []
    assert state_path(run.partial(0) / 'checkpoint').is_file()
    steps = []
    resumed = make_round(run, demos, LONG, lambda p: steps.append(p.step))
    assert steps[0] > calls[1]
    assert resumed.checkpoint_id == whole.checkpoint_id
    assert not run.partial(0).exists()


def test_a_stop_in_the_fit_of_the_gate_keeps_the_training(tmp_path, demos):
    run, steps = RunFolder(tmp_path), []

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_round(run, demos, THRIFTY, probe=interrupt)
    assert run.rounds() == []
    made = make_round(run, demos, THRIFTY, lambda p: steps.append(p.steps))
    assert set(steps) == {250}, 'only the critics were still to be trained'
    assert made.gate['name'] == 'thrifty_dagger'


def test_policies_of_the_fit_say_how_far_they_are_and_outlive_a_stop(tmp_path, demos):
    whole = make_round(RunFolder(tmp_path / 'whole'), demos, QUICK)
    run, told, rest = RunFolder(tmp_path / 'cut'), [], []

    def interrupt(progress):
        told.append(progress.step / progress.steps)
        if 1 in told[:-1] and told[-1] > 0.6:  # two of four are done, one is half done
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_round(run, demos, QUICK, interrupt)
    made = make_round(run, demos, QUICK, lambda p: rest.append(p.step / p.steps))
    assert 0.6 < rest[0] < rest[-1] == 1
    assert rest == sorted(rest)
    assert (made.checkpoint_id, made.gate) == (whole.checkpoint_id, whole.gate)
    assert sorted(p.name for p in run.round(0).iterdir()) == ['checkpoint', 'round.json']


@pytest.mark.parametrize('alpha', [-0.1, 1.5, float('nan')])
def test_an_alpha_that_is_no_share_is_refused_before_the_training(alpha):
    with pytest.raises(UserError, match=r'alpha.*must be in \[0, 1\]'):
        RoundConfig(alpha=alpha)


def test_state_of_another_training_is_not_mixed_in(tmp_path, demos):
    run = RunFolder(tmp_path)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_round(run, demos[:2], QUICK, interrupt)
    made = make_round(run, demos, QUICK)
    assert made.labels == sum(len(e) for e in demos)


def test_episodes_without_labels_are_listed_with_the_reason(trained, tmp_path, demos):
    run, _ = trained
    alone = play(make_loop(ToyWorld(), ALONE, run.checkpoint(0)), [300], 'alone')
    made = make_round(RunFolder(tmp_path), [*demos, *alone], QUICK)
    assert (made.episodes[-1].labels, made.episodes[-1].note) == (0, 'no step is a label')
    with pytest.raises(UserError, match='labels in'):
        make_round(RunFolder(tmp_path / 'none'), alone, QUICK)


def test_a_checkpoint_names_the_episodes_that_gave_it_labels(trained, tmp_path, demos):
    run, fresh = trained[0], RunFolder(tmp_path)
    alone = play(make_loop(ToyWorld(), ALONE, run.checkpoint(0)), [300], 'alone')
    bad = replace(demos[3], manifest=replace(demos[3].manifest, verdict=Verdict.BAD))
    episodes = [*demos[:3], bad, *alone]
    made = make_round(fresh, episodes, QUICK)
    assert [e.note for e in made.episodes[3:]] == ['verdict BAD', 'no step is a label']
    training = checkpoint.load(fresh.checkpoint(0)).policy.training
    assert training.episodes == {e.id: e.hash for e in made.episodes[:3]}
    for episode in episodes:
        (fresh.bags / episode.episode_id).mkdir(parents=True)
        episode.manifest.save(fresh.bags / episode.episode_id)
    assert learned_seeds(fresh.checkpoint(0)) == {0, 1, 2, 300}, 'the gate saw the last one'


def test_unknown_gate_names_the_choices(tmp_path, demos):
    with pytest.raises(UserError, match='novelty'):
        make_round(RunFolder(tmp_path), demos, RoundConfig(QUICK.bc, gate='clairvoyant'))
    assert RunFolder(tmp_path).rounds() == []


def test_damaged_round_file_is_named(tmp_path, demos):
    run = RunFolder(tmp_path)
    make_round(run, demos, QUICK)
    path = run.round(0) / 'round.json'
    kept = json.loads(path.read_text())
    kept.pop('labels')
    path.write_text(json.dumps(kept))
    with pytest.raises(UserError, match=r"round\.json.*'labels'"):
        run.rounds()
