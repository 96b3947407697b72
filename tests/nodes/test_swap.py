"""Another checkpoint for a running graph: both nodes or neither, and after a job by itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from interactive_il.msg import Job
from interactive_il.srv import CancelJob, LoadCheckpoint, StartJob
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.types import Cause
from il_data.read import read_episode
from il_policy import checkpoint
from il_ros import swapping
from il_ros.collect import Plan, collect
from il_ros.rules import arguments
from il_ros.swap import NO_COMMIT, UNPREPARED
from il_ros.topics import TOPICS, create_subscription
from tests.il_data.fake import Rig
from tests.il_gating.test_gates import fitted

pytestmark = pytest.mark.ros
# What else is set, by gate. A budget without limit: the human is asked at every tick.
SETTINGS = {
    'expert_only': [],
    'thrifty_dagger': [
        'gate.gate_params={alpha: 1.0}',
        'jobs.gate=thrifty_dagger',
        'jobs.probes=1',
        'jobs.critic_steps=50',
    ],
}
IL = [sys.executable, '-m', 'il_core.cli']


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoints')
    return [fitted(folder, load_spec('reach'), seed)[0] for seed in (0, 1)]


@pytest.fixture
def graph(request, checkpoints, tmp_path):
    """A graph in lockstep with a scripted human who is always there, under `expert_only` unless a
    test says otherwise; gives its run folder."""
    gate = getattr(request, 'param', 'expert_only')
    options = ['--gate', gate, '--checkpoint', str(checkpoints[0]), '--jobs']
    options += ['--operator', 'scripted', '--style', 'always', '--handover', 'instant']
    options += ['--lockstep', '--run', str(tmp_path), '--set', 'jobs.epochs=1']
    options += [word for setting in SETTINGS[gate] for word in ('--set', setting)]
    process = subprocess.Popen([*IL, 'run', *options], stderr=subprocess.PIPE, text=True)
    yield tmp_path
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 0, error
    assert 'Traceback' not in error


def swap(*args):
    return subprocess.run([*IL, 'swap', *map(str, args)], capture_output=True, text=True)


def ids(*paths):
    return [checkpoint.load(path).id for path in paths]


def driven_by(run, *seeds):
    """Record episodes; returns the checkpoint of each, of which there must be one."""
    report = collect(Plan(run, seeds))
    assert report.complete
    return [only_checkpoint(Path(e.folder)) for e in report.episodes]


def only_checkpoint(folder):
    manifest = json.loads((folder / 'manifest.json').read_text())
    assert manifest['verdict'] == 'OK'
    episode = read_episode(folder)
    assert Cause.CHECKPOINT_MISMATCH not in episode.steps['cause']
    return manifest['checkpoint_id']


def test_policy_and_gate_change_together_or_not_at_all(graph, checkpoints, tmp_path):
    first, second = ids(*checkpoints)
    assert driven_by(graph, 0) == [first]
    done = swap(checkpoints[1])
    assert done.returncode == 0, done.stderr
    assert f'policy and gate run {second}' in done.stdout
    assert driven_by(graph, 1) == [second]
    assert swap('--rollback').returncode == 0
    assert driven_by(graph, 2) == [first]

    refused = swap(tmp_path / 'nowhere')
    assert refused.returncode == 2
    assert 'nowhere' in refused.stderr
    assert driven_by(graph, 3) == [first]

    busy = subprocess.Popen([*IL, 'collect', '--run', str(graph), '--seeds', '10-12'])
    done = swap(checkpoints[1], '--wait', '30')
    assert busy.wait(60) == 0
    assert done.returncode == 0, done.stderr
    assert set(driven_by(graph, *range(10, 13))) <= {first, second}
    assert driven_by(graph, 20) == [second]


def test_a_namespace_without_a_graph_names_those_with_one(ros):
    node = rclpy.create_node('gate', namespace='left')
    node.create_service(LoadCheckpoint, 'gate/prepare', lambda request, response: response)
    refused = swap('nowhere', '--namespace', 'right')
    node.destroy_node()
    assert refused.returncode == 2
    said = "il swap: namespace is '/right': there is no policy and gate in it; is the graph up"
    assert said in refused.stderr
    assert 'choices: /left' in refused.stderr


@pytest.mark.parametrize('options', [(), ('folder', '--rollback')])
def test_a_swap_of_nothing_says_what_to_give(options):
    refused = swap(*options)
    assert refused.returncode == 2
    assert 'il swap: error: give either the folder of a checkpoint or --rollback' in refused.stderr


@pytest.mark.parametrize('seconds', ['nan', '-1', '1e12'])
def test_a_swap_that_waits_for_no_time_that_is_one_is_refused(seconds):
    refused = swap('nowhere', '--wait', seconds)
    assert f'il swap: --wait is {float(seconds)}: must be 0 to 86400 s' in refused.stderr
    assert refused.returncode == 2


def test_a_swap_in_a_namespace_that_ros_would_not_take_is_refused():
    refused = swap('nowhere', '--namespace', '1robot')
    assert "namespace is '1robot': must be parts of" in refused.stderr


class Hand:
    """Talks to the jobs node while no episode is collected."""

    def __enter__(self):
        rclpy.init()
        self.node, self.said = rclpy.create_node('hand'), []
        create_subscription(self.node, TOPICS['jobs'], self.said.append)
        return self

    def __exit__(self, *_):
        self.node.destroy_node()
        rclpy.shutdown()

    def call(self, kind, name):
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(10.0)
        future = client.call_async(kind.Request())
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=10.0)
        assert future.result().success, future.result().message
        return future.result()

    def wait(self, job_id, state):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.1)
            if self.said and (self.said[-1].job_id, self.said[-1].state) == (job_id, state):
                return self.said[-1]
        raise AssertionError(self.said)


def test_a_training_runs_beside_the_graph_and_its_result_is_swapped_in(graph, checkpoints):
    assert driven_by(graph, 0, 1) == ids(checkpoints[0]) * 2
    with Hand() as hand:
        job = hand.call(StartJob, 'jobs/train').job_id
        last = hand.wait(job, Job.STATE_DONE)
        made = graph / 'round_0' / 'checkpoint'
        assert Path(last.result) == made
        assert ids(made)[0] in last.message
        assert last.progress == 1.0
    assert driven_by(graph, 2) == ids(made)
    with Hand() as hand:
        job = hand.call(StartJob, 'jobs/train').job_id
        hand.call(CancelJob, 'jobs/cancel')
        hand.wait(job, Job.STATE_CANCELLED)
    assert driven_by(graph, 3) == ids(made)


@pytest.mark.slow  # the one above with critics
@pytest.mark.parametrize('graph', ['thrifty_dagger'], indirect=True)
def test_a_gate_with_a_critic_is_refitted_beside_the_graph_and_swapped_in(graph, checkpoints):
    assert driven_by(graph, 0) == ids(checkpoints[0])
    with Hand() as hand:
        job = hand.call(StartJob, 'jobs/train').job_id
        hand.wait(job, Job.STATE_DONE)
    made = graph / 'round_0' / 'checkpoint'
    assert 'critic.onnx' in checkpoint.load(made).files
    assert driven_by(graph, 1) == ids(made)
    bag = next(b for b in (graph / 'bags').iterdir() if only_checkpoint(b) == ids(made)[0])
    episode = read_episode(bag)
    assert {'novelty', 'risk'} <= set(episode.score_names)
    risk = episode.steps['scores'][:, episode.score_names.index('risk')]
    assert ((risk >= 0) & (risk <= 1)).all()


@pytest.fixture
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def spawn():
    """Start a process that does not outlive the test, whatever fails in it."""
    processes = []

    def start(command):
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


class Half:
    """Services of gate and policy; those of the gate refuse a commit, or are never answered."""

    def __init__(self, answers):
        self.executor = SingleThreadedExecutor()
        self.hand, self.policy, self.gate = (
            rclpy.create_node(name) for name in ('hand', 'policy', 'gate')
        )
        for node in (self.hand, self.policy, *([self.gate] if answers else [])):
            self.executor.add_node(node)
        self.refused, self.accepts, self.accepted = 0, False, 0
        self.says = 'an episode runs'
        for node in (self.policy, self.gate):
            name = node.get_name()
            node.create_service(LoadCheckpoint, f'{name}/prepare', self.prepare)
            for phase in ('commit', 'rollback'):
                node.create_service(Trigger, f'{name}/{phase}', self.refuse)

    def prepare(self, request, response):
        response.success, response.checkpoint_id = True, 'c'
        return response

    def refuse(self, request, response):
        response.success = self.accepts
        self.accepted += self.accepts
        self.refused += not self.accepts
        response.message = self.says
        return response

    def spin(self, until, limit_s=20.0):
        end = time.monotonic() + limit_s
        while not until() and time.monotonic() < end:
            self.executor.spin_once(0.05)
        assert until()


@pytest.mark.parametrize(
    ('answers', 'words'), [(True, 'is not there'), (False, 'no answer within 0.5 s')]
)
def test_a_gate_that_goes_away_while_a_checkpoint_waits_ends_the_waiting(
    ros, monkeypatch, tmp_path, answers, words
):
    """What it had prepared is gone with it, and a job that waits for it could never end."""
    monkeypatch.setattr(swapping, 'ANSWER_S', 0.5)
    half = Half(answers)
    swapper = swapping.Swapper(half.hand)
    half.spin(lambda: not swapper.missing())
    task = half.executor.create_task(swapper.swap, tmp_path, 600.0)
    if answers:
        half.spin(lambda: half.refused)
        assert not task.done(), 'a refusal is waited out'
        half.executor.remove_node(half.gate)
        half.gate.destroy_node()
    with pytest.raises(UserError, match=words):
        half.spin(task.done)


@pytest.mark.parametrize('words', [UNPREPARED, NO_COMMIT])
def test_what_no_waiting_can_mend_is_not_waited_for(ros, tmp_path, words):
    """A gate that was started anew has nothing prepared, and no swap to take back."""
    half = Half(answers=True)
    half.says = f'gate/commit is None: {words}'
    swapper = swapping.Swapper(half.hand)
    half.spin(lambda: not swapper.missing())
    undo = words is NO_COMMIT
    todo = (swapper.rollback, 600.0) if undo else (swapper.swap, tmp_path, 600.0)
    task = half.executor.create_task(*todo)
    with pytest.raises(UserError, match=words):
        half.spin(task.done)
    assert half.refused == 1


def test_a_swap_that_waits_for_the_gate_can_be_given_up(ros, tmp_path):
    half = Half(answers=True)
    swapper = swapping.Swapper(half.hand)
    half.spin(lambda: not swapper.missing())
    for asked in range(2):
        swapper.given_up = False
        task = half.executor.create_task(swapper.swap, tmp_path, 600.0)
        half.spin(lambda n=half.refused: half.refused > n + 1)
        assert not task.done(), asked
        swapper.given_up = half.accepts = True  # while it waits to ask again
        with pytest.raises(swapping.GivenUp, match='given up: the gate had no time'):
            half.spin(task.done)
        assert not half.accepted
        half.accepts = False


def test_a_policy_that_cannot_go_back_keeps_the_gate_where_it_was(ros, tmp_path):
    """It was configured anew since, say, and knows of no swap."""
    half, asked = Half(answers=True), []
    for node in (half.gate, half.policy):
        for service in list(node.services):
            if service.srv_type is Trigger:
                node.destroy_service(service)
        for phase in ('commit', 'rollback'):
            name = f'{node.get_name()}/{phase}'

            def answer(_, response, name=name):
                asked.append(name)
                response.success = name != 'policy/rollback'
                response.message = NO_COMMIT
                return response

            node.create_service(Trigger, name, answer)
    swapper = swapping.Swapper(half.hand)
    half.spin(lambda: not swapper.missing())
    task = half.executor.create_task(swapper.rollback, 1.0)
    with pytest.raises(UserError, match=NO_COMMIT):
        half.spin(task.done)
    assert asked == ['gate/rollback', 'policy/rollback', 'gate/commit']


def test_a_job_whose_swap_waits_is_cancelled_and_says_what_it_trained(ros, spawn, tmp_path):
    """The node is a process; the gate that has no time is played by the test."""
    Rig(tmp_path / 'bags').episode(human=range(30))
    half, said = Half(answers=True), []
    create_subscription(half.hand, TOPICS['jobs'], said.append)
    settings = {'run': str(tmp_path), 'gate': 'expert_only', 'epochs': 1.0}
    command = [sys.executable, '-m', 'il_loop.node', '--ros-args', *arguments(settings)]
    process = spawn(command)
    start = half.hand.create_client(StartJob, 'jobs/train')
    cancel = half.hand.create_client(CancelJob, 'jobs/cancel')
    half.spin(lambda: start.service_is_ready() and cancel.service_is_ready())
    start.call_async(StartJob.Request())
    half.spin(lambda: said and said[-1].state == Job.STATE_SWAPPING, 300.0)
    half.spin(lambda: half.refused > 1)
    cancelled = cancel.call_async(CancelJob.Request())
    half.spin(lambda: said[-1].state == Job.STATE_CANCELLED)
    assert cancelled.result().success
    made = tmp_path / 'round_0' / 'checkpoint'
    assert f'trained, not swapped; `il swap {made}` does that' in said[-1].message
    again = cancel.call_async(CancelJob.Request())
    half.spin(again.done)
    assert 'no such job is running' in again.result().message
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0, process.communicate()[1]
