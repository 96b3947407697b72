"""Tasks in plain numpy: what a seed fixes, how episodes end, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import yaml

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.types import Outcome
from il_loop.cast import DEMONSTRATE, make_loop, play
from il_sim.api import make_world
from tests.house import ROOT

TASKS = ('point_insert', 'pendulum', 'tightrope', 'drive')


@pytest.fixture(params=TASKS)
def world(request):
    return make_world(load_spec(request.param))


def drive(world, seed, act):
    """Run an episode; returns its outcome and everything that was seen."""
    world.reset(seed)
    seen = []
    while world.outcome is Outcome.UNKNOWN:
        seen.append(np.concatenate(list(world.observe().values())))
        world.step(act(world))
    return world.outcome, np.array(seen)


def test_the_supervisor_does_the_task(world):
    wins = sum(drive(world, s, lambda w: w.supervisor())[0] is Outcome.SUCCESS for s in range(100))
    assert wins >= 98


def test_who_does_nothing_fails(world):
    still = np.clip(np.zeros(len(world.spec.axes)), world.spec.low, world.spec.high)
    ends = [drive(world, seed, lambda _: still)[0] for seed in range(20)]
    assert Outcome.SUCCESS not in ends


def test_a_seed_gives_the_same_bits_whatever_ran_before(world):
    _, first = drive(world, 7, lambda w: w.supervisor())
    drive(world, 8, lambda w: w.spec.high)
    _, again = drive(world, 7, lambda w: w.supervisor())
    _, other = drive(world, 9, lambda w: w.supervisor())
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], other[0])


def test_the_loop_records_demonstrations(world):
    found = play(make_loop(world, DEMONSTRATE), range(3), 'demo')
    assert [e.outcome for e in found] == [Outcome.SUCCESS] * 3
    assert all(len(e) > 5 and e.human_actions == len(e) for e in found)


def test_a_picture_shows_the_scene(world):
    world.reset(0)
    before = world.render(60, 40)
    assert before.shape == (40, 60, 3)
    for _ in range(10):
        world.step(world.supervisor())
    assert not np.array_equal(before, world.render(60, 40))


BOX = {'low': [0.0, 0.0], 'high': [0.0, 0.0]}


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda p: p.pop('depth_m'), "mine: params is .* needs the key 'depth_m'"),
        (lambda p: p.update(depht_m=1.0), "key is 'depht_m': not known; .*did you mean depth_m"),
        (lambda p: p.update(hole_m='4 mm'), "mine: params: hole_m is '4 mm': must be a number"),
        (lambda p: p.update(hole_m=float('nan')), 'params: hole_m is nan: must be finite'),
        (lambda p: p.update(depth_m=-0.1), 'params: depth_m is -0.1: must be at least 0'),
        (lambda p: p.update(ranges=3), 'params: ranges is 3: must be a mapping'),
        (lambda p: p['ranges'].update(start=BOX), 'start: low is .* must be a list of 3 numbers'),
        (
            lambda p: p['ranges'].update(hole=BOX | {'low': [0.0, 0.1]}),
            r'hole: low is \[0.0, 0.1\]: must not be above high',
        ),
    ],
)
def test_a_task_with_other_numbers_than_its_world_reads_is_refused(tmp_path, change, words):
    """Before the world stands, not in the middle of an episode."""
    data = yaml.safe_load((ROOT / 'config/tasks/point_insert.yaml').read_text())
    change(data['params'])
    (tmp_path / 'mine.yaml').write_text(yaml.safe_dump({**data, 'name': 'mine'}))
    with pytest.raises(UserError, match=words):
        make_world(load_spec(str(tmp_path / 'mine.yaml')))


@pytest.mark.parametrize(
    ('key', 'value', 'rule'),
    [
        ('cues', 4.5, 'must be a whole number'),
        ('cues', True, 'must be a whole number'),
        ('cues', 0, 'must be at least 1'),
        ('rope_seed', -1, 'must be at least 0'),
    ],
)
def test_whole_numbers_stay_whole(key, value, rule):
    spec = load_spec('tightrope')
    params = {**spec.task.params, key: value}
    with pytest.raises(UserError, match=f'{key} is {value}: {rule}'):
        make_world(dataclasses.replace(spec, task=dataclasses.replace(spec.task, params=params)))


def test_what_a_world_does_not_have_is_said(world):
    with pytest.raises(UserError, match='has no window'):
        make_world(world.spec, gui=True)
    with pytest.raises(UserError, match='action shape'):
        world.step(np.zeros(9))
    (stream, *rest) = world.spec.robot.streams
    shorter = dataclasses.replace(stream, fields=stream.fields[:1])
    robot = dataclasses.replace(world.spec.robot, streams=(shorter, *rest))
    with pytest.raises(UserError, match=f'fields of stream {stream.name} is 1'):
        make_world(dataclasses.replace(world.spec, robot=robot))


def test_beside_the_hole_there_is_a_plate():
    world = make_world(load_spec('point_insert'))
    world.reset(0)
    down = np.array([0.0, 0.0, -0.02])
    for _ in range(20):
        world.step(down)
    height, hole = world.observe()['ee_pose'][2], world.observe()['hole'][:2]
    assert height == 0.0
    assert np.hypot(*hole) > world.spec.task.params['hole_m']


def test_after_a_slip_only_one_action_leads_back():
    world = make_world(load_spec('tightrope'))
    world.reset(0)
    right = world.supervisor()
    world.step((right + 1) % 200)
    assert world.observe()['rope'].tolist() == [-1.0, 0.0]
    back = world.supervisor()
    for action in ((back + 1) % 200, back):
        world.step(action)
    assert world.observe()['rope'][1] == 1.0
    assert world.cost == 2, 'the slip, and one try that did not lead back'
    while world.outcome is Outcome.UNKNOWN:
        world.step(world.supervisor())
    assert world.outcome is Outcome.FAILURE


def test_a_car_that_goes_straight_on_touches_the_next_one_or_passes_it():
    world = make_world(load_spec('drive'))
    ends = set()
    for seed in range(20):
        outcome, seen = drive(world, seed, lambda _: np.array([10.0, 0.0]))
        ends.add((outcome, world.touched))
        if world.touched:
            nearest = min(seen[-1][[4, 6]])
            assert nearest < 4.5 + 10 / 20, 'a car was right ahead'
    assert (Outcome.FAILURE, True) in ends


def test_a_car_that_turns_away_leaves_the_road():
    world = make_world(load_spec('drive'))
    for side in (-1.0, 1.0):
        outcome, seen = drive(world, 3, lambda _, side=side: np.array([10.0, 0.3 * side]))
        assert outcome is Outcome.FAILURE
        assert not world.touched
        beside = seen[-1][0] * side
        assert 1.8 < beside < 2.3, 'a side of a car 1.8 m wide on a road of 2 x 3.2 m'


def test_a_parked_car_counts_until_it_is_passed():
    world = make_world(load_spec('drive'))
    world.reset(0)
    ahead = []
    while world.outcome is Outcome.UNKNOWN:
        ahead.append(min(world.observe()['left_car'][0], world.observe()['right_car'][0]))
        world.step(world.supervisor())
    assert max(ahead) <= 40.0
    assert -4.5 < min(ahead) < -4.0
