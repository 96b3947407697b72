"""Training: it learns, it is reproducible, it can be interrupted, and it refuses bad data."""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Frame
from il_data.dataset import Columns
from il_policy.api import POLICIES
from il_policy.bc import BcConfig, Progress, state_path, train
from il_policy.checkpoint import load
from il_policy.fitting import take_turns
from il_policy.nets import Head
from il_policy.runtime import make_runtime
from tests.il_policy.made import discrete_spec
from tests.toy import ToyWorld, toy_spec

SMALL = BcConfig(members=3, hidden=(32, 32), batch=32, epochs=60)


def demonstrations(episodes: int = 6) -> Columns:
    """The toy world's supervisor at work."""
    world, rows = ToyWorld(), []
    for episode in range(episodes):
        world.reset(episode)
        for _ in range(world.spec.horizon):
            action = world.supervisor()
            rows.append((np.concatenate(list(world.observe().values())), action, episode))
            if world.step(action).value:
                break
    observations, actions, episode = (np.array(c) for c in zip(*rows, strict=True))
    return Columns(observations, actions, episode, np.ones(len(rows)))


def classes(rows: int = 300) -> Columns:
    """Class 0, 1 or 2 by the sign of the first field."""
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(rows, 5))
    action = np.digitize(observations[:, :1], [-0.5, 0.5]).astype(float)
    return Columns(observations, action, np.arange(rows) // 30, np.ones(rows))


def test_a_clone_does_the_task(tmp_path: Path) -> None:
    spec, data = toy_spec(), demonstrations(60)
    config = BcConfig(members=3, hidden=(64, 64), epochs=100)
    out = train(data, spec, config, seed=0, out=tmp_path / 'c', episodes={'e0': 'ab'})
    policy, world = POLICIES.load('bc')(spec, out), ToyWorld(spec)
    successes = 0
    for seed in range(100, 120):
        world.reset(seed)
        outcome = 0
        while not outcome:
            vector = np.concatenate(list(world.observe().values()))
            outcome = world.step(policy.propose(Frame(0, 0, vector, (0,) * 3)).mean).value
        successes += outcome == 1
    assert successes >= 15
    stored = load(out, spec).policy
    assert stored.training.episodes == {'e0': 'ab'}
    assert stored.training.validation_loss < 0.1
    assert not state_path(out).exists()


def test_a_discrete_axis_is_cloned_by_class(tmp_path: Path) -> None:
    data = classes()
    out = train(data, discrete_spec(), SMALL, seed=0, out=tmp_path / 'c')
    output = make_runtime(load(out)).predict(data.observations)
    assert (output.mean == data.actions).mean() > 0.95
    wrong = output.mean != data.actions
    assert output.variance[wrong].mean() > output.variance[~wrong].mean() or not wrong.any()


@pytest.mark.parametrize('head', [Head.LINEAR, Head.TANH])
def test_the_same_seed_gives_the_same_bits(head: Head, tmp_path: Path) -> None:
    config = BcConfig(members=2, hidden=(16,), head=head, steps=120)
    ids = [
        load(train(demonstrations(), toy_spec(), config, seed=seed, out=tmp_path / name)).id
        for seed, name in ((4, 'a'), (4, 'b'), (5, 'c'))
    ]
    assert ids[0] == ids[1] != ids[2]


def test_threads_change_no_bit(tmp_path: Path) -> None:
    alone, shared = (
        load(train(demonstrations(), toy_spec(), config, seed=4, out=tmp_path / name)).weights()
        for name, config in (('a', SMALL), ('b', dataclasses.replace(SMALL, threads=2)))
    )
    for name, weight in alone.items():
        np.testing.assert_array_equal(shared[name], weight)


@pytest.mark.parametrize('threads', [1, 2])
def test_an_error_in_one_job_ends_all(threads: int) -> None:
    begun = []

    def job(name: int) -> Iterator[None]:
        for turn in range(10**6):
            begun.append(name)
            if name == 2 and turn == 3:
                raise ValueError('broken')
            yield

    with pytest.raises(ValueError, match='broken'):
        take_turns([job(name) for name in range(4)], threads)
    assert len(begun) < 10**5


@pytest.mark.parametrize(('patience', 'threads'), [(0, 1), (3, 1), (0, 2)])
def test_an_interrupted_training_ends_with_the_same_bits(
    patience: int, threads: int, tmp_path: Path
) -> None:
    config = BcConfig(members=2, hidden=(16,), steps=400, patience=patience)
    later = dataclasses.replace(config, threads=threads)
    spec, data = toy_spec(), demonstrations()
    whole = train(data, spec, later, seed=1, out=tmp_path / 'whole')

    def interrupt(progress: Progress) -> None:
        if progress.step >= 150:
            raise KeyboardInterrupt

    out = tmp_path / 'again'
    with pytest.raises(KeyboardInterrupt):
        train(data, spec, config, seed=1, out=out, progress=interrupt)
    assert not out.exists()
    seen: list[int] = []
    train(data, spec, later, seed=1, out=out, progress=lambda p: seen.append(p.step))
    assert min(seen) > 150
    assert load(out).id == load(whole).id


@pytest.mark.parametrize('patience', [0, 3])
def test_a_stop_in_what_follows_loses_no_step(patience: int, tmp_path: Path) -> None:
    config = BcConfig(members=2, hidden=(16,), steps=400, patience=patience)
    spec, data, out = toy_spec(), demonstrations(), tmp_path / 'again'
    whole = train(data, spec, config, seed=1, out=tmp_path / 'whole')

    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, spec, config, seed=1, out=out, finish=interrupt)
    assert not out.exists()
    seen: list[Progress] = []
    train(data, spec, config, seed=1, out=out, progress=seen.append)
    assert seen == []
    assert load(out).id == load(whole).id
    assert not state_path(out).exists()


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_state_that_cannot_be_saved_is_a_warning_and_ends_no_training(tmp_path: Path) -> None:
    config = BcConfig(members=2, hidden=(64, 64), steps=150, save_every_s=0.0)
    spec, data, out = toy_spec(), demonstrations(), tmp_path / 'full'
    whole = train(data, spec, config, seed=1, out=tmp_path / 'whole')
    with files_up_to(100_000), pytest.warns(RuntimeWarning, match=f'{out}.*: File too large: '):
        train(data, spec, config, seed=1, out=out)
    assert load(out).id == load(whole).id

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    out = tmp_path / 'stopped'
    with files_up_to(100_000), pytest.warns(RuntimeWarning), pytest.raises(KeyboardInterrupt):
        train(data, spec, config, seed=1, out=out, progress=interrupt)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['full', 'whole']


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_a_checkpoint_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    config, out = BcConfig(members=2, hidden=(64, 64), steps=50), tmp_path / 'full'
    with files_up_to(10_000), pytest.raises(OSError, match=f"File too large: '{out}'"):
        train(demonstrations(), toy_spec(), config, seed=1, out=out)
    assert list(tmp_path.iterdir()) == []


def test_what_another_training_left_is_not_gone_on_from(tmp_path: Path) -> None:
    data, out = demonstrations(), tmp_path / 'c'
    config = BcConfig(members=1, hidden=(8,), steps=200)
    whole = train(data, toy_spec(), config, seed=1, out=tmp_path / 'whole')

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    for seed, kept in ((2, None), (1, 500)):
        with pytest.raises(KeyboardInterrupt):
            train(data, toy_spec(), config, seed=seed, out=out, progress=interrupt)
        state = state_path(out)
        state.write_bytes(state.read_bytes()[:kept])
        train(data, toy_spec(), config, seed=1, out=out)
        assert load(out).id == load(whole).id
        shutil.rmtree(out)


def test_progress_tells_where_it_stands(tmp_path: Path) -> None:
    reports: list[Progress] = []
    config = BcConfig(members=2, hidden=(16,), batch=20, epochs=60)
    data = demonstrations()
    out = train(data, toy_spec(), config, seed=0, out=tmp_path / 'c', progress=reports.append)
    training = load(out).policy.training
    assert reports[-1].step == reports[-1].steps == training.steps
    assert training.steps == int(np.ceil(60 * training.rows / 20))
    assert training.rows < len(data)
    assert reports[-1].loss < reports[0].loss
    assert reports[-1].validation_loss == training.validation_loss


def test_early_stop_ends_before_the_budget_with_the_best_weights(tmp_path: Path) -> None:
    data = demonstrations(5)
    rng = np.random.default_rng(0)
    noisy = Columns(
        data.observations,
        data.actions + rng.normal(0, 0.1, data.actions.shape),
        data.episode,
        data.weight,
    )
    reports: list[Progress] = []
    config = BcConfig(members=2, hidden=(64, 64), steps=20000, patience=5, validation=0.2)
    out = train(noisy, toy_spec(), config, seed=0, out=tmp_path / 'c', progress=reports.append)
    training = load(out).policy.training
    assert training.steps < 20000
    assert training.validation_loss == min(r.validation_loss or 9 for r in reports)


def test_weights_of_rows_count(tmp_path: Path) -> None:
    """The same observation with two labels: the policy follows the heavier one."""
    rows = 200
    observations = np.zeros((rows, 5))
    actions = np.tile([[-0.05, 0, 0.04], [0.05, 0, 0.04]], (rows // 2, 1))
    weight = np.tile([0.2, 1.8], rows // 2)
    data = Columns(observations, actions, np.zeros(rows, np.int64), weight)
    config = BcConfig(members=2, hidden=(16,), steps=600, validation=0, head=Head.LINEAR)
    out = train(data, toy_spec(), config, seed=0, out=tmp_path / 'c')
    mean = make_runtime(load(out)).decide(np.zeros(5)).mean
    np.testing.assert_allclose(mean, [0.04, 0, 0.04], atol=0.01)


def test_finish_adds_files_before_the_checkpoint_has_its_name(tmp_path: Path) -> None:
    config = BcConfig(members=2, hidden=(8,), steps=50)

    def gate(folder: Path) -> None:
        assert not (tmp_path / 'c').exists()
        assert (folder / 'policy.onnx').is_file()
        (folder / 'gate.json').write_text('{}')

    out = train(demonstrations(), toy_spec(), config, seed=0, out=tmp_path / 'c', finish=gate)
    assert load(out).read('gate.json') == b'{}'
    with pytest.raises(UserError, match='never changed'):
        train(demonstrations(), toy_spec(), config, seed=0, out=out)


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        ({'observations': np.zeros((10, 4))}, 'the spec has'),
        ({'actions': np.zeros((10, 2))}, 'the spec has'),
        ({'observations': np.full((10, 5), np.nan)}, 'not finite'),
        ({'actions': np.full((10, 3), np.inf)}, 'not finite'),
        ({'weight': np.zeros(10)}, 'record demonstrations'),
        ({'weight': np.full(10, -1.0)}, 'must be 0 or above'),
    ],
)
def test_bad_columns_are_refused(change: dict[str, np.ndarray], says: str, tmp_path: Path) -> None:
    columns = {
        'observations': np.zeros((10, 5)),
        'actions': np.zeros((10, 3)),
        'episode': np.zeros(10, np.int64),
        'weight': np.ones(10),
    }
    with pytest.raises(UserError, match=says):
        train(Columns(**(columns | change)), toy_spec(), SMALL, seed=0, out=tmp_path / 'c')
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    data = Columns(np.zeros((4, 5)), np.full((4, 1), 3.0), np.zeros(4, np.int64), np.ones(4))
    with pytest.raises(UserError, match=r'integers 0\.\.2'):
        train(data, discrete_spec(), SMALL, seed=0, out=tmp_path / 'c')


@pytest.mark.parametrize(
    'bad',
    [
        {'members': 0},
        {'validation': 1.0},
        {'epochs': 0},
        {'epochs': float('nan')},
        {'epochs': float('inf')},
        {'learning_rate': float('nan')},
        {'head': Head.LOGITS},
        {'steps': -1},
        {'patience': -1},
        {'weight_decay': -0.1},
        {'weight_decay': float('nan')},
    ],
)
def test_bad_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UserError, match='bc: '):
        BcConfig(**bad)  # type: ignore[arg-type]


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    config = BcConfig(members=2, hidden=(16, 16), steps=2000, learning_rate=1e30, head=Head.LINEAR)
    with pytest.raises(UserError, match='smaller learning_rate'):
        train(demonstrations(), toy_spec(), config, seed=0, out=tmp_path / 'c')
