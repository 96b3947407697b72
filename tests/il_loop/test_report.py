"""The page stands alone, and every number on it can be found in the bags."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import html.parser
import io
import json
import re
import resource
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from rich.console import Console
from rosbags.rosbag2 import StoragePlugin

from il_core.errors import UserError
from il_core.structure import plain
from il_core.types import Cause, Owner
from il_data import manifest
from il_data.read import read_episode, read_episodes
from il_loop import (
    cli,
    demo,
    demo_cli,
    gate_cli,
    report_charts,
    report_data,
    report_pictures,
    report_requests,
    train_cli,
)
from il_loop.cast import ALONE, ASSISTED, DEMONSTRATE, aided, make_loop, play
from il_loop.demo import EVALUATE, Session, Settings
from il_loop.episodes import summarise
from il_loop.evaluate import load_comparison, load_evaluation
from il_loop.report import write_report
from il_loop.report_data import Group
from il_loop.report_page import Page, Table, render
from il_loop.requests import reaction, requests
from il_loop.round_episodes import content_hash
from il_loop.rounds import make_round, read_bags
from il_loop.run_folder import RunFolder
from il_loop.stages_cli import Stages
from il_policy.checkpoint import load
from tests.il_data.fake import Rig
from tests.il_data.test_dataset import foreign, plain_tick
from tests.il_loop.bags import record
from tests.il_loop.test_rounds import QUICK, THRIFTY
from tests.toy import ToyWorld, toy_spec

SEEDS = range(200, 206)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A whole run on the toy task, all of it in bags."""
    run = RunFolder(tmp_path_factory.mktemp('run'))
    into = Rig(run.bags)
    loop = make_loop(ToyWorld(), DEMONSTRATE)
    for seed in range(4):
        record(into, loop.episode(seed, 'x'))
    make_round(run, read_bags(run), QUICK)
    loop = make_loop(ToyWorld(), ASSISTED, run.checkpoint(0))
    for seed in range(100, 106):
        record(into, loop.episode(seed, 'x'))
    make_round(run, read_bags(run), QUICK)
    for number in (0, 1):
        into = Rig(run.evaluated(number).bags)
        loop = make_loop(ToyWorld(), ALONE, run.checkpoint(number))
        for seed in SEEDS:
            record(into, loop.episode(seed, 'x'))
    return run


@pytest.fixture(scope='module')
def page(run):
    return write_report(run, pictures=False).read_text()


def test_bag_of_a_rollout_reads_as_the_rollout(run):
    loop = make_loop(ToyWorld(), ASSISTED, run.checkpoint(0))
    rolled = {seed: loop.episode(seed, 'x').episode() for seed in range(100, 106)}
    for bag in read_bags(run)[4:]:
        same = rolled[bag.manifest.seed]
        assert np.array_equal(bag.frames, same.frames)
        assert np.array_equal(bag.owners, same.owners)
        assert np.array_equal(bag.human_labels, same.human_labels)
        assert np.array_equal(bag.expert_actions, same.expert_actions, equal_nan=True)


class Outside(html.parser.HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.found, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [
            v
            for k, v in attrs
            if k in ('src', 'href', 'data') and v[:5] != 'data:' and v[0] != '#'
        ]


def test_page_loads_nothing_and_runs_nothing(page):
    seen = Outside()
    seen.feed(page)
    links = [link for link in seen.found if not re.search(r'xlink:href', link)]
    assert links == []
    assert 'script' not in seen.tags
    assert '@import' not in page
    assert 'url(http' not in page


def test_headline_is_the_paired_difference_of_the_bags(run, page):
    wins = []
    for number in (0, 1):
        bags = sorted(run.evaluated(number).bags.iterdir())
        found = {e.manifest.seed: e.outcome.name for e in map(read_episode, bags)}
        wins.append([found[seed] == 'SUCCESS' for seed in SEEDS])
    gain = 100 * (sum(wins[1]) - sum(wins[0])) / len(SEEDS)
    assert f'<b>{gain:+.0f} points</b>' in page
    assert f'{len(SEEDS)} paired seeds' in page


def test_every_episode_is_in_the_table(run, page):
    for bag in (*run.bags.iterdir(), *run.evaluated(1).bags.iterdir()):
        assert bag.name in page


def test_burden_adds_up(run, page):
    episodes = read_bags(run)
    assert f'<td>{sum(int(e.human_labels.sum()) for e in episodes)}</td>' in page
    assert f'<td>{sum(e.human_actions for e in episodes)}</td>' in page


def test_labels_of_every_state_are_counted_as_the_round_counts_them(tmp_path):
    run, config = RunFolder(tmp_path), dataclasses.replace(QUICK, gate='dagger')
    into, loop = Rig(run.bags), make_loop(ToyWorld(), DEMONSTRATE)
    record(into, loop.episode(0, 'x'))
    make_round(run, read_bags(run), config)
    record(into, make_loop(ToyWorld(), aided('dagger'), run.checkpoint(0)).episode(100, 'x'))
    made, data = make_round(run, read_bags(run), config), report_data.load(run)
    assert [sum(c.labels for c in g.counts) for g in data.groups] == [
        made.labels - made.new_labels,
        made.new_labels,
    ]
    assert made.new_labels > sum(c.human_actions for c in data.groups[1].counts) == 0


def test_timeline_is_of_an_episode_in_which_the_gate_called(run):
    told = report_data.telling_episode(report_data.load(run))
    line = report_data.timeline(told)
    assert [(p.name, p.is_asking) for p in line.panels] == [
        ('novelty', True),
        ('discrepancy', False),
    ]
    assert Owner.HUMAN in line.owners
    assert len(line.times_s) == len(told)
    assert line.times_s[1] == pytest.approx(0.05)
    svg = report_charts.gate_timeline(line)
    assert svg.startswith('<svg')
    assert all(words in svg for words in ('novelty', 'asks above', 'hands back below'))


def test_pictures_repeat_the_recorded_episode(run):
    episode = read_bags(run)[0]
    world = ToyWorld()
    owners = [Owner(int(o)) for o in episode.owners]
    scenes = report_pictures.replay(world, episode.manifest.seed, episode.commands, owners, 5)
    assert [s.step for s in scenes] == sorted({s.step for s in scenes})
    assert scenes[-1].step == len(episode)
    assert np.linalg.norm(world.point - world.goal) < 0.05
    assert report_pictures.film(scenes, 0.05).startswith('data:image/webp;base64,')
    assert report_pictures.strip(scenes, 0.05).startswith('data:image/png;base64,')


@pytest.mark.parametrize(
    ('world', 'why'),
    [
        ('', 'is of a robot, not of a simulated world'),
        ('nowhere', 'world is &#x27;nowhere&#x27;: not known'),
    ],
)
def test_a_report_does_without_pictures_that_cannot_be_made_here(
    run, tmp_path, monkeypatch, world, why
):
    """As where the simulator, or what draws for it, is not installed."""
    data = report_data.load(linked(run, tmp_path, {0: SEEDS, 1: SEEDS}))
    task = dataclasses.replace(toy_spec().task, world=world)
    spec = dataclasses.replace(toy_spec(), task=task)
    elsewhere = [
        dataclasses.replace(
            e, episodes=tuple(dataclasses.replace(each, spec=spec) for each in e.episodes)
        )
        for e in data.evaluated
    ]
    moved = dataclasses.replace(data, evaluated=tuple(elsewhere))
    monkeypatch.setattr(report_data, 'load', lambda run: moved)
    page = write_report(data.run).read_text()
    assert re.search(f'No pictures: [^<]*{why}', page)
    assert 'the same seeds for every point' in page


def test_page_without_anything_says_so(tmp_path):
    with pytest.raises(UserError, match='no round yet'):
        write_report(RunFolder(tmp_path))
    nothing = Table(('a',), ())
    bare = render(Page('<t>', 's', None, (), '', '', '', nothing, (), (), nothing, nothing))
    assert 'No paired evaluation' in bare
    assert '&lt;t&gt;' in bare


def linked(run, into, evaluated):
    """Return a run folder with the rounds and bags of `run` and these evaluations of it."""
    for name in ('bags', 'round_0', 'round_1'):
        (into / name).symlink_to(run.path / name)
    made = RunFolder(into)
    for number, seeds in evaluated.items():
        made.evaluated(number).bags.mkdir(parents=True)
        for bag in run.evaluated(number).bags.iterdir():
            if read_episode(bag).manifest.seed in seeds:
                (made.evaluated(number).bags / bag.name).symlink_to(bag)
    return made


def test_evaluations_in_part_are_compared_on_their_common_seeds(run, tmp_path):
    part = linked(run, tmp_path, {0: (200, 201, 202, 203), 1: (202, 203, 204, 205)})
    page = write_report(part, pictures=False).read_text()
    assert '2 paired seeds' in page
    assert '2 pairs of the same seed, of 6 seeds' in page
    assert 'not all points on the same seeds' in page
    pair = report_data.turned_pair(report_data.load(part))
    assert {e.manifest.seed for e in pair} <= {202, 203}


def test_page_without_common_seeds_names_the_commands_that_record_them(run, tmp_path):
    part = linked(run, tmp_path, {0: (200, 201), 1: (202,)})
    assert report_data.turned_pair(report_data.load(part)) is None
    page = html.unescape(write_report(part, pictures=False).read_text())
    commands = re.findall('<code>il collect (.*?)</code>', page)
    where = [str(part.evaluated(number).path) for number in (0, 1)]
    collect_cli = pytest.importorskip('il_ros.collect_cli')
    parsed = [collect_cli._parser().parse_args(shlex.split(command)) for command in commands]
    assert [p.run for p in parsed] == where
    assert [p.checkpoint for p in parsed] == [str(part.checkpoint(n)) for n in (0, 1)]
    assert 'il evaluate' not in page


def test_evaluations_belong_to_their_round_also_where_an_earlier_one_is_gone(run, tmp_path):
    part = linked(run, tmp_path, {0: (200,), 1: (201, 202)})
    (tmp_path / 'round_0').unlink()
    (found,) = report_data.load(part).evaluated
    assert (found.round.number, found.result.label, found.result.seeds) == (
        1,
        'round 1',
        (201, 202),
    )


@pytest.fixture
def remade(run, tmp_path):
    """The run with another policy in round 1 than the one that its evaluation is of, but for
    the seed 205, which was recorded again since."""
    part = linked(run, tmp_path, {0: SEEDS, 1: SEEDS})
    (tmp_path / 'round_1').unlink()
    make_round(part, read_bags(part), dataclasses.replace(QUICK, seed=7))
    loop = make_loop(ToyWorld(), ALONE, part.checkpoint(1))
    record(Rig(part.evaluated(1).bags), loop.episode(205, 'x'))
    return part


def test_a_round_made_again_is_not_credited_with_the_episodes_of_the_former(remade):
    page = html.unescape(write_report(remade, pictures=False).read_text())
    assert f'5 episodes in {remade.evaluated(1).bags} are left out' in page
    before, after = report_data.load(remade).evaluated
    assert (before.result.seeds, after.result.seeds) == (tuple(SEEDS), (205,))
    assert after.result.checkpoint_id == remade.read_round(1).checkpoint_id
    (command,) = re.findall('<code>il (collect .*?)</code>', page)
    assert f'--run {remade.evaluated(1).path} --seeds 10000-10049 --again ' in command


def test_a_demo_records_the_evaluation_of_a_round_made_again_anew(remade, monkeypatch):
    settings = Settings(seed=SEEDS[0] - EVALUATE, rounds=1, evaluations=len(SEEDS))
    said, ran = io.StringIO(), []

    def il(*commands):
        ran.extend(commands)
        into = Rig(remade.evaluated(1).bags)
        loop = make_loop(ToyWorld(), ALONE, remade.checkpoint(1))
        for seed in SEEDS[:5]:
            record(into, loop.episode(seed, 'x'))

    console = Console(file=said, width=500)
    monkeypatch.setattr(demo, 'il', il)
    monkeypatch.setattr(demo_cli, 'CONSOLE', console)
    sides = [demo.alone(remade, settings, r.number, r.checkpoint_id) for r in remade.rounds()]
    with pytest.raises(UserError, match='same seeds'):
        demo.conclude(remade, settings)
    demo_cli._collect(Stages(1, console), 'Evaluate', *sides)
    assert '5 episodes are of another policy than the one now there' in said.getvalue()
    (command,) = ran
    assert command[: command.index('--start-graph')] == (
        *('collect', '--run', str(remade.evaluated(1).path)),
        *('--seeds', '200-204', '--again'),
    )
    after = demo.conclude(remade, settings).after
    assert after.checkpoint_id == remade.read_round(1).checkpoint_id
    assert report_data.load(remade).strange == {}


def test_curve_counts_the_human_of_every_episode_so_far(run):
    data = report_data.load(run)
    episodes = read_bags(run)
    first, last = report_data.curve(data)
    assert first.human_actions == sum(e.human_actions for e in episodes[:4])
    assert last.human_actions == sum(e.human_actions for e in episodes)
    gone = dataclasses.replace(data, groups=data.groups[:1])
    assert [p.human_actions for p in report_data.curve(gone)] == [first.human_actions, None]


def test_steps_of_the_policy_are_no_labels_of_the_human(run, tmp_path):
    for name in ('bags', 'round_0', 'evaluation'):
        (tmp_path / name).symlink_to(run.path / name)
    weighted = RunFolder(tmp_path)
    made = make_round(weighted, read_bags(run), dataclasses.replace(QUICK, weighting='iwr'))
    human = sum(int(e.human_labels.sum()) for e in read_bags(run))
    assert made.labels > human
    data = report_data.load(weighted)
    last = dataclasses.replace(data.evaluated[0], round=made)
    assert report_data.curve(dataclasses.replace(data, evaluated=(last,)))[0].labels == human
    page = html.unescape(write_report(weighted, pictures=False).read_text())
    assert f"{made.labels} labels, {made.new_labels} new; {human} of all are the human's" in page


def test_requests_are_counted_by_cause_and_held_against_alpha(run, page):
    causes, reactions, budget = report_requests.tables(report_data.load(run).groups)
    helped = read_bags(run)[4:]
    found = [r for e in helped for r in requests(e)]
    assert causes.head[0] == 'requests'
    row = dict(zip(causes.head, causes.rows[1], strict=True))
    assert row['requests'] == 'with round 0'
    assert int(row['n']) == len(found) > 0
    assert int(row['novelty']) == sum(r.cause is Cause.NOVELTY for r in found)
    assert int(causes.rows[-1][1]) == sum(int(r[1]) for r in causes.rows[:-1])
    assert reactions.rows[1][:2] == ('with round 0', str(reaction(found).n))
    (spent,) = (dict(zip(budget.head, r, strict=True)) for r in budget.rows)
    assert (spent['gate'], spent['target alpha']) == ('novelty', '20 %')
    rate = len(found) / (len(found) + sum(e.robot_actions for e in helped))
    assert spent['requests per robot step'] == f'{100 * rate:.2f} %'
    assert 'Why the human was asked' in page
    assert spent['requests per robot step'] in page


def test_tables_of_quiet_episodes_and_of_none(run):
    alone = report_data.load(run).evaluated[0].episodes
    counts = tuple(map(summarise, alone))
    causes, reactions, budget = report_requests.tables([Group('alone', alone, counts)])
    assert causes.head == ('requests', 'n', 'unanswered')
    assert causes.rows == (('alone', '0', '0'), ('in all', '0', '0'))
    assert reactions.rows == (('alone', '0', '–', '–', '–'),)
    assert budget.rows == ()
    assert report_requests.tables([])[0].rows == (('in all', '0', '0'),)


def test_commands_work_on_the_run(run, tmp_path, capsys):
    out = tmp_path / 'bc'
    argv = [str(run.bags), '--out', str(out), '--epochs', '5', '--members', '2']
    assert train_cli.train([*argv, '--threads', '2']) == 0
    training = load(out).policy.training
    assert training.config['threads'] == 2
    labelled = {e.id for e in run.read_round(1).episodes if e.labels}
    taken = [e for e in read_bags(run) if e.episode_id in labelled]
    assert training.episodes == {e.episode_id: content_hash(e) for e in taken}
    with pytest.raises(UserError, match=r'bc.epochs: 60.0 -> 5.0.*no episode is new: record one'):
        train_cli.round_([str(run.path), '--epochs', '5'])
    sides = [str(run.evaluated(number).bags) for number in (1, 0)]
    result = tmp_path / 'result.json'
    seeds = ['--seed', str(SEEDS[0]), '-n', str(len(SEEDS))]
    assert cli.evaluate([sides[0], '--against', sides[1], *seeds, '--out', str(result)]) == 0
    assert f'{len(SEEDS)} pairs' in capsys.readouterr().out
    assert load_comparison(result).difference.n == len(SEEDS)
    assert cli.report([str(run.path), '--no-pictures']) == 0
    assert str(run.report) in capsys.readouterr().out.replace('\n', '')
    with pytest.raises(UserError, match='exists'):
        train_cli.train(argv)


def test_a_round_is_made_once(run, tmp_path, capsys):
    (tmp_path / 'bags').symlink_to(run.bags)
    argv = [str(tmp_path), '--epochs', '1', '--members', '2']
    assert train_cli.round_(argv) == 0
    assert train_cli.round_([*argv, '--threads', '2']) == 0
    assert 'nothing new: round 0 has seen all 10 bags' in capsys.readouterr().out


def test_a_bag_that_was_copied_does_not_count_twice(run, tmp_path):
    copied = RunFolder(tmp_path)
    shutil.copytree(run.bags, copied.bags)
    first = read_bags(run)[0]
    shutil.copytree(first.path, copied.bags / 'copy')
    out, policy = str(tmp_path / 'bc'), str(run.checkpoint(0))
    for command, *argv in (
        (train_cli.train, str(copied.bags), '--out', out),
        (train_cli.round_, str(copied.path)),
        (cli.evaluate, str(copied.bags), '--seed', '0'),
        (gate_cli.main, 'replay', str(copied.bags), '--checkpoint', policy),
    ):
        says = rf"'{first.episode_id}': is there twice \(.*{copied.bags}/copy.*remove one"
        with pytest.raises(UserError, match=says):
            command(argv)


def test_a_label_of_an_old_episode_makes_another_round(run, tmp_path, capsys):
    shutil.copytree(run.bags, tmp_path / 'bags')
    argv = [str(tmp_path), '--epochs', '1', '--members', '2']
    assert train_cli.round_(argv) == 0
    changed = read_bags(run)[5]
    path = tmp_path / 'bags' / changed.episode_id / 'manifest.json'
    for what in ({'outcome': 'failure', 'reason': 'the ring slipped'}, {'verdict': 'BAD'}):
        path.write_text(json.dumps(json.loads(path.read_text()) | what))
        assert train_cli.round_(argv) == 0
        said = capsys.readouterr().out
        assert 'nothing new' not in said
        assert (f'left out: {changed.episode_id}: verdict BAD' in said) == ('verdict' in what)
    assert train_cli.round_(argv) == 0
    said = capsys.readouterr().out
    assert 'nothing new: round 2 has seen all 10 bags' in said
    assert 'left out' not in said, 'the round before said it'
    first, second, third = RunFolder(tmp_path).rounds()
    assert {e.id for made in (second, third) for e in made.episodes if e.new} == {
        changed.episode_id
    }
    assert [e.outcome for e in second.episodes if e.new] == ['FAILURE']
    assert first.gate == second.gate, 'the states that it is judged by are those collected last'
    assert third.labels == second.labels - int(changed.human_labels.sum())


def test_a_stopped_training_is_gone_on_with(run, tmp_path, monkeypatch):
    argv = [str(run.bags), '--epochs', '200', '--members', '2', '--out']
    steps, stop_at = [], [100]

    @contextlib.contextmanager
    def bar():
        def step(report):
            steps.append(report.step)
            if report.step >= stop_at[0]:
                raise KeyboardInterrupt

        yield step

    monkeypatch.setattr(train_cli, 'training_bar', bar)
    with pytest.raises(KeyboardInterrupt):
        train_cli.train([*argv, str(tmp_path / 'bc')])
    stop_at[0] = np.inf
    steps.clear()
    assert train_cli.train([*argv, str(tmp_path / 'bc')]) == 0
    assert steps[0] > 100
    assert train_cli.train([*argv, str(tmp_path / 'whole')]) == 0
    assert load(tmp_path / 'bc').id == load(tmp_path / 'whole').id


TRAINS = """
import sys
from il_loop import train_cli
def bar():
    class Bar:
        def __enter__(self): return lambda _: (print('trains', flush=True), sys.stdin.read())
        def __exit__(self, *_): pass
    return Bar()
train_cli.training_bar = bar
train_cli.train(sys.argv[1:])
"""


def test_one_process_at_a_time_trains_a_checkpoint(run, tmp_path):
    out = tmp_path / 'bc'
    argv = [str(run.bags), '--epochs', '200', '--members', '2', '--out']
    words = [sys.executable, '-c', TRAINS, *argv, str(out)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'trains\n'
        says = rf"checkpoint is '{out}': is being trained by process {other.pid} since .*; wait"
        with pytest.raises(UserError, match=says):
            train_cli.train([*argv, str(out)])
        assert train_cli.train([*argv[:2], '1', '--out', str(tmp_path / 'another')]) == 0
        assert not out.exists()
        other.kill()
    assert train_cli.train([*argv, str(out)]) == 0
    with pytest.raises(UserError, match=f"'{out}': exists and is never changed"):
        train_cli.train(['/nope', '--out', str(out)])


def test_a_full_disk_is_one_line_of_a_command(run, tmp_path):
    out = tmp_path / 'bc'
    argv = [sys.executable, '-m', 'il_core.cli', 'train', str(run.bags), '--out', str(out)]
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, 100_000))
    done = subprocess.run(
        [*argv, '--epochs', '1', '--members', '2'],
        preexec_fn=limit,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f'il train: {out}: File too large; raise the limit (ulimit -f)')
    assert 'Traceback' not in done.stderr
    assert not out.exists()


def test_plain_bags_are_trained_on_by_their_task(tmp_path):
    spec = toy_spec()
    for name, part in (('task', spec.task), ('robot', spec.robot)):
        (tmp_path / f'{name}.yaml').write_text(yaml.safe_dump(plain(part)))
    foreign(tmp_path / 'bags' / 'plain', StoragePlugin.MCAP, spec)
    argv = [str(tmp_path / 'bags'), '--out', str(tmp_path / 'bc'), '--epochs', '2']
    with pytest.raises(UserError, match=r'say of which task it is \(--task of il train'):
        train_cli.train(argv)
    robot = ['--robot', str(tmp_path / 'robot.yaml')]
    with pytest.raises(UserError, match='needs --task'):
        train_cli.train([*argv, *robot])
    assert train_cli.train([*argv, '--task', str(tmp_path / 'task.yaml'), *robot]) == 0
    assert load(tmp_path / 'bc', spec).policy.training.episodes.keys() == {'plain'}


def test_steps_without_a_usable_frame_are_counted(tmp_path, monkeypatch, capsys):
    def seldom(tick, log_ns, grips):
        made = plain_tick(tick, log_ns, grips)
        return [(name, message) for name, message in made if name != 'ee_pose' or tick % 4 == 0]

    spec = toy_spec()
    monkeypatch.setattr('tests.il_data.test_dataset.plain_tick', seldom)
    foreign(tmp_path / 'bags' / 'plain', StoragePlugin.MCAP, spec)
    robot = plain(spec.robot)
    robot['streams'][0]['max_age_s'] = 0.06  # of ee_pose, which comes every 0.2 s
    for name, part in (('task', plain(spec.task)), ('robot', robot)):
        (tmp_path / f'{name}.yaml').write_text(yaml.safe_dump(part))
    options = [f'--{k}={tmp_path / k}.yaml' for k in ('task', 'robot')]
    options += ['--out', str(tmp_path / 'bc'), '--epochs', '1', '--members', '2']
    assert train_cli.train([str(tmp_path / 'bags'), *options]) == 0
    (episode,) = read_episodes(tmp_path / 'bags', load(tmp_path / 'bc').policy.spec)
    made = int(episode.human_labels.sum())
    said = capsys.readouterr().out
    assert 0 < made < episode.human_actions
    assert f'left out: {episode.human_actions - made} steps: a stream was' in said
    assert f'{made} labels' in said


def test_labels_that_no_policy_of_this_robot_can_do_are_named(tmp_path, capsys):
    spec = toy_spec()
    foreign(tmp_path / 'bags' / 'plain', StoragePlugin.MCAP, spec)  # moves by 0.1 in x
    robot, said = plain(spec.robot), []
    for high in (0.1, 0.04):
        robot['axes'][0]['high'] = high
        for name, part in (('task', plain(spec.task)), ('robot', robot)):
            (tmp_path / f'{name}.yaml').write_text(yaml.safe_dump(part))
        options = [f'--{k}={tmp_path / k}.yaml' for k in ('task', 'robot')]
        options += ['--out', str(tmp_path / f'bc_{high}'), '--epochs', '1', '--members', '2']
        assert train_cli.train([str(tmp_path / 'bags'), *options]) == 0
        said.append(capsys.readouterr().out)
    assert 'outside' not in said[0]
    found = r'axis x: (\d+) of \1 labels lie outside its limits -0.1 to 0.04 m \(.* 0.1 to 0.1\)'
    assert re.search(found, said[1])


@pytest.mark.parametrize('command', [train_cli.train, train_cli.round_, cli.evaluate, cli.report])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as done:
        command(['--help'])
    assert done.value.code == 0
    said = capsys.readouterr().out
    assert 'example: il ' in said
    assert not re.search(r'default: (None|\))', said)


def test_empty_folders_are_named(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        train_cli.train([str(tmp_path), '--out', str(tmp_path / 'bc')])
    with pytest.raises(UserError, match='il collect'):
        train_cli.round_([str(tmp_path)])


def test_a_folder_one_level_off_leads_to_the_right_one(run, tmp_path):
    out = ['--out', str(tmp_path / 'bc')]
    with pytest.raises(UserError, match=f'holds no bags .*did you mean {run.bags}'):
        train_cli.train([str(run.path), *out])
    with pytest.raises(UserError, match="'/nope': no such folder"):
        train_cli.train(['/nope', *out])
    for command, lacks in ((train_cli.round_, 'no episode'), (cli.report, 'no round yet')):
        for wrong in (run.bags, run.round(0), next(run.bags.glob('*/metadata.yaml')).parent):
            with pytest.raises(UserError, match=f'holds {lacks}.*did you mean {run.path}\\?'):
                command([str(wrong)])
        with pytest.raises(UserError, match="run folder is '/nope': no such folder"):
            command(['/nope'])


@pytest.mark.parametrize(
    ('wrong', 'said'),
    [
        (('--gate', 'novlty'), "gate is 'novlty': not known; .*did you mean novelty"),
        (('--weighting', 'iwrr'), "weighting is 'iwrr': not known; .*did you mean iwr"),
    ],
)
def test_unknown_names_are_told_before_settings_are_compared(run, wrong, said):
    with pytest.raises(UserError, match=said):
        train_cli.round_([str(run.path), *wrong])


def test_bags_are_evaluated_with_their_gate_and_once_per_seed(run, tmp_path, capsys):
    bags, result = tmp_path / 'bags', tmp_path / 'result.json'
    rig, loop = Rig(bags), make_loop(ToyWorld(), ASSISTED, run.checkpoint(0))
    ids = [record(rig, loop.episode(seed, 'x')).episode_id for seed in (200, 203, 200)]
    argv = [str(bags), '--seed', '200', '-n', '4']
    with pytest.raises(UserError, match=r"--gate is 'dagger': .*the gate that recorded them"):
        cli.evaluate([*argv, '--gate', 'dagger'])
    assert cli.evaluate([*argv, '--out', str(result)]) == 0
    assert 'n = 2, seeds 200, 203; ' in capsys.readouterr().out, 'not those between'
    found = load_evaluation(result)
    assert (found.gate, found.success.n) == ('novelty', 2)
    assert [e.id for e in found.episodes] == [ids[2], ids[1]]
    record(rig, make_loop(ToyWorld(), ALONE, run.checkpoint(0)).episode(201, 'x'))
    with pytest.raises(UserError, match=r"gate is \['novelty', 'policy_only'\]: must be one only"):
        cli.evaluate(argv)


def test_both_sides_are_looked_at_before_one_is_run(run, monkeypatch):
    monkeypatch.setattr(cli, 'play', None)
    with pytest.raises(UserError, match=r"'/typo': no such folder"):
        cli.evaluate([str(run.checkpoint(0)), '--against', '/typo'])
    gate = ['--gate', 'thrifty_dagger']
    with pytest.raises(UserError, match=r'thrifty_dagger.*was not fitted.*novelty'):
        cli.evaluate([str(run.checkpoint(0)), *gate])
    bags = str(run.evaluated(0).bags)
    with pytest.raises(UserError, match='--seed and -n choose'):
        cli.evaluate([str(run.checkpoint(0)), '--against', bags])


@pytest.fixture
def runs_toy(monkeypatch):
    """The command runs the toy, which no registry has; the seeds that it ran, in order."""
    seeds = []

    def play_toy(loop, wanted, *, progress):
        seeds.extend(wanted)
        return play(loop, wanted, progress=progress)

    monkeypatch.setattr(cli, 'make_world', ToyWorld)
    monkeypatch.setattr(cli, 'play', play_toy)
    return seeds


def test_a_checkpoint_is_run_on_the_seeds_that_the_bags_beside_it_have(run, runs_toy, capsys):
    bags = run.evaluated(0).bags
    argv = [str(run.checkpoint(1)), '--against', str(bags), '--seed', '203', '-n', '50']
    assert cli.evaluate(argv) == 0
    assert runs_toy == [203, 204, 205]
    said = capsys.readouterr().out
    assert f'{bags} has 3 of the 50 seeds asked for' in said
    assert f'{run.checkpoint(1)} is run on those of {bags}: 203-205' in said
    assert '3 pairs' in said
    assert 'learned' not in said


def test_bags_of_another_spec_are_refused_before_a_checkpoint_is_run(run, runs_toy, tmp_path):
    spec = toy_spec()
    longer = dataclasses.replace(spec, task=dataclasses.replace(spec.task, horizon_s=20.0))
    bag = next(run.evaluated(0).bags.glob('*/metadata.yaml')).parent
    shutil.copytree(bag, tmp_path / 'bags' / bag.name, ignore=shutil.ignore_patterns('.*'))
    known = manifest.load(bag)
    changed = dataclasses.replace(known, spec_hash=longer.hash, spec=plain(longer), seed=200)
    changed.save(tmp_path / 'bags' / bag.name)
    argv = [str(run.checkpoint(1)), '--against', str(tmp_path / 'bags'), '--seed', '200']
    with pytest.raises(UserError, match=r'task.horizon_s: 20.0 -> 2.0'):
        cli.evaluate(argv)
    assert runs_toy == []


@pytest.mark.parametrize(
    ('number', 'first', 'said'),
    [
        (1, 105, 'has learned from 1 of these 2 seeds (105)'),
        (0, 3, 'has learned from 1 of these 2 seeds (3)'),
        (0, 105, ''),
        (1, 200, ''),
    ],
)
def test_seeds_that_a_checkpoint_has_learned_from_are_named(
    run, runs_toy, capsys, number, first, said
):
    assert cli.evaluate([str(run.checkpoint(number)), '--seed', str(first), '-n', '2']) == 0
    assert runs_toy == [first, first + 1]
    out = capsys.readouterr().out
    assert (said or 'n = 2') in out
    assert ('learned' in out) == bool(said)


def test_an_episode_with_a_gate_that_learns_is_the_same_whatever_was_run_before(
    runs_toy, tmp_path
):
    run, demos = RunFolder(tmp_path), play(make_loop(ToyWorld(), DEMONSTRATE), range(4))
    make_round(run, demos, THRIFTY)
    argv, found = [str(run.checkpoint(0)), '--gate', 'thrifty_dagger'], []
    for first, count in ((300, 12), (306, 6)):
        out = tmp_path / f'{first}.json'
        cli.evaluate([*argv, '--seed', str(first), '-n', str(count), '--out', str(out)])
        found.append(load_evaluation(out).episodes)
    assert found[0][6:] == found[1]


def test_folders_without_policy_and_bags_lead_to_the_checkpoint(run, tmp_path):
    hint = 'holds neither a checkpoint nor bags; did you mean'
    with pytest.raises(UserError, match=f'{hint} {run.checkpoint(0)}'):
        cli.evaluate([str(run.round(0))])
    with pytest.raises(UserError, match=f'{hint} {run.checkpoint(1)}'):
        cli.evaluate([str(run.path)])
    with pytest.raises(UserError, match=r'neither a checkpoint nor bags$'):
        cli.evaluate([str(tmp_path)])


def test_seeds_that_no_bag_has_are_answered_with_those_they_have(run):
    bags = run.evaluated(0).bags
    words = r"seeds is '200-205': hold none of the seeds 10000-10049 .*; --seed and -n choose them"
    with pytest.raises(UserError, match=words):
        cli.evaluate([str(bags)])
    with pytest.raises(UserError, match="seeds is '0-3, 100-105'"):
        cli.evaluate([str(run.bags), '--seed', '7', '-n', '1'])


@pytest.mark.parametrize(
    ('command', 'wrong', 'said'),
    [
        (train_cli.train, ('--seed', '-1'), '--seed is -1: must be 0 or above'),
        (train_cli.train, ('--epochs', 'nan'), '--epochs is nan: must be a finite number above 0'),
        (train_cli.train, ('--epochs', 'inf'), '--epochs is inf'),
        (train_cli.train, ('--members', '0'), '--members is 0: must be at least 1'),
        (train_cli.train, ('--threads', '-2'), '--threads is -2: must be at least 1'),
        (train_cli.round_, ('--seed', '-1'), '--seed is -1: must be 0 or above'),
        (train_cli.round_, ('--epochs', 'nan'), '--epochs is nan'),
        (train_cli.round_, ('--alpha', 'nan'), '--alpha is nan'),
        (
            train_cli.round_,
            ('--gate', 'hg_dagger', '--alpha', '0.1'),
            '--alpha is 0.1: does nothing with gate hg_dagger',
        ),
        (train_cli.round_, ('--gate', '', '--probes', '3'), 'does nothing with gate none'),
        (train_cli.round_, ('--critic-steps', '9'), '--critic-steps is 9: does nothing with gate'),
        (train_cli.round_, ('--critic-steps', '0'), '--critic-steps is 0: must be at least 1'),
        (cli.evaluate, ('--seed', '-1'), '--seed is -1: must be 0 or above'),
        (cli.evaluate, ('-n', '0'), '--episodes is 0: must be at least 1'),
    ],
)
def test_numbers_out_of_range_are_named_by_their_option(run, tmp_path, command, wrong, said):
    where = {
        train_cli.train: [str(run.bags), '--out', str(tmp_path / 'bc')],
        train_cli.round_: [str(run.path)],
        cli.evaluate: [str(run.checkpoint(0))],
    }
    with pytest.raises(UserError, match=re.escape(said)):
        command([*where[command], *wrong])


def test_folders_that_cannot_be_written_are_named_before_the_work(run, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    out = tmp_path / 'file' / 'bc'
    monkeypatch.setattr(train_cli, 'training_bar', None)
    monkeypatch.setattr(cli, 'play', None)
    words = f"--out is '{out}': cannot be written: Not a directory"
    with pytest.raises(UserError, match=words):
        train_cli.train([str(run.bags), '--out', str(out)])
    with pytest.raises(UserError, match=words):
        cli.evaluate([str(run.checkpoint(0)), '--out', str(out)])
    with pytest.raises(UserError, match=r'--out.*is a folder; name a file'):
        cli.evaluate([str(run.checkpoint(0)), '--out', str(tmp_path)])
    for folder in run.path.glob('round_*'):
        (tmp_path / folder.name).symlink_to(folder)
    (tmp_path / 'report').write_text('')
    with pytest.raises(UserError, match=r'report.*cannot be written: Not a directory'):
        cli.report([str(tmp_path)])


@pytest.mark.parametrize(
    ('changes', 'counts'),
    [
        ({'verdict': 'BAD'}, False),
        ({'verdict': 'SUSPECT', 'outcome': 'unknown', 'reason': 'recovered'}, False),
        ({'outcome': 'aborted', 'reason': 'the recorder was stopped'}, False),
        ({'outcome': 'aborted', 'reason': 'nobody came'}, True),
        ({}, True),
    ],
)
def test_only_finished_recordings_count_and_of_them_the_newest(run, tmp_path, changes, counts):
    evaluated = RunFolder(tmp_path)
    loop = make_loop(ToyWorld(), ALONE, run.checkpoint(1))
    rig = Rig(evaluated.bags)
    folders = [record(rig, loop.episode(200, 'x')).episode_id for _ in range(3)]
    newest = evaluated.bags / folders[-1] / 'manifest.json'
    newest.write_text(json.dumps(json.loads(newest.read_text()) | changes))
    found = folders[2 if counts else 1]
    assert [e.episode_id for e in report_data.trusted(evaluated)] == [found]
    session = Session(evaluated, range(200, 201), ())
    assert demo_cli._sound(session)[200].name == found
