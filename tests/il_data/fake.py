"""Episodes of the toy task as serialized messages, made without ROS, and fed to a recorder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from il_core.align import Aligner
from il_core.spec import Spec
from il_core.types import NS_PER_S, Cause, Mode, Outcome, Owner
from il_data.bag import Arrival, Qos, Topic
from il_data.manifest import Expected, Manifest
from il_data.record import Recorder
from il_data.recording import Recorded, Settings
from il_data.schema import definition
from tests.toy import ToyWorld, toy_spec

IL = 'interactive_il/msg/'
OWN = {
    'policy/proposal': 'Proposal',
    'teleop/action': 'ExpertAction',
    'command': 'Command',
    'gate/status': 'GateStatus',
    'episode/events': 'EpisodeEvent',
}
UTC_S = 1_795_000_000.0
EVENTS = '/episode/events'


def _store():
    store = get_typestore(Stores.ROS2_JAZZY)
    for name in OWN.values():
        found = definition(IL + name)
        own = get_types_from_msg(found.text, found.type)
        store.register({k: v for k, v in own.items() if k.startswith('interactive_il')})
    return store


STORE = _store()


def make(msgtype: str, stamp_ns: int = 0, **fields: object) -> object:
    """Return a message with its header stamped and every field not given at its zero."""
    values = {}
    for name, desc in STORE.fielddefs[msgtype][1]:
        if name == 'header':
            values[name] = make('std_msgs/msg/Header', stamp=time(stamp_ns), frame_id='')
        else:
            values[name] = fields.pop(name) if name in fields else _zero(desc)
    assert not fields, fields
    return STORE.types[msgtype](**values)


def time(stamp_ns: int) -> object:
    return STORE.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, NS_PER_S))


def cdr(message: object) -> bytes:
    return bytes(STORE.serialize_cdr(message, message.__msgtype__))


def _zero(desc):
    kind, what = int(desc[0]), desc[1]
    if kind == 1:
        return '' if what[0] == 'string' else 0
    if kind == 2:
        return make(what)
    element, count = what
    if int(element[0]) == 1 and element[1][0] != 'string':
        return np.zeros(count if kind == 3 else 0, element[1][0])
    return [_zero(element) for _ in range(count)] if kind == 3 else []


@dataclasses.dataclass
class Rig:
    """A recorder with every topic of the toy task, and a clock to drive it."""

    folder: Path
    settings: Settings = dataclasses.field(default_factory=Settings)
    free: object = lambda folder: 10**12
    sensors_best_effort: bool = True
    utc_s: float = UTC_S
    spec: Spec = dataclasses.field(default_factory=toy_spec)
    checkpoint_id: str = 'c0ffee' + '0' * 10
    human_behind_ns: int = 0  # so much the clock of teleop is behind
    cause: Cause = Cause.NOVELTY  # that the gate says

    def __post_init__(self) -> None:
        self.now_ns = 5 * NS_PER_S
        self.sequence: dict[str, int] = {}
        self.recorder = Recorder(self.folder, self.topics(), self.spec, self.settings, self.free)

    def topics(self) -> list[Recorded]:
        rate = self.spec.robot.rate_hz
        out = [
            Recorded(
                Topic(f'/{s.topic}', s.type, Qos(reliable=False, depth=5)),
                Expected(f'/{s.topic}', True, rate),
            )
            for s in self.spec.streams
        ]
        out += [
            Recorded(Topic(f'/{c.topic}', c.type), Expected(f'/{c.topic}'))
            for c in self.spec.robot.commands
        ]
        for name, kind in OWN.items():
            latched = name in ('gate/status', 'episode/events')
            required = name in ('policy/proposal', 'command', 'gate/status')
            out.append(
                Recorded(
                    Topic(f'/{name}', IL + kind, Qos(True, latched, 1)),
                    Expected(f'/{name}', required),
                    keep=name == 'gate/status',
                    shared=name == 'episode/events',
                )
            )
        return out

    def send(self, name: str, message: object, lost: int = 0) -> None:
        self.sequence[name] = self.sequence.get(name, 0) + 1 + lost
        log_ns = round(self.utc_s * NS_PER_S) + self.now_ns
        arrival = Arrival(cdr(message), log_ns, log_ns - 1000, self.sequence[name])
        self.recorder.arrive(name, arrival, self.now_ns)

    def announce(self) -> None:
        """Send every required topic once, as a world that stands still does."""
        self.tick(ToyWorld(self.spec), 0, '', Mode.HOLD, Owner.NOBODY)

    def tick(self, world: ToyWorld, tick: int, episode_id: str, mode: Mode, owner: Owner) -> None:
        """Send all messages of one tick, in the order of the graph."""
        spec, stamp = self.spec, self.now_ns
        frame = self._sense(world, tick, stamp)
        action = world.supervisor()
        mean = action * 0.5
        self.send(
            '/policy/proposal',
            make(
                IL + 'Proposal',
                stamp,
                tick=tick,
                checkpoint_id=self.checkpoint_id,
                spec_hash=spec.hash,
                frame=frame.vector,
                stream_stamps=[time(ns) for ns in frame.stamps_ns],
                mean=mean,
                variance=mean**2,
                members=2,
                member_actions=np.concatenate([mean, mean + 1]),
            ),
        )
        engaged = owner is Owner.HUMAN
        self.send(
            '/teleop/action',
            make(
                IL + 'ExpertAction',
                stamp - self.human_behind_ns,
                source='joystick',
                action=action,
                engaged=engaged,
                presses=np.zeros(6, np.uint32),
                step=tick,
            ),
        )
        sent = action if engaged else mean
        self.decide(tick, stamp, episode_id, mode, owner, sent)
        if mode is not Mode.HOLD:
            world.step(sent)
        self.now_ns += spec.period_ns

    def _sense(self, world, tick, stamp):
        aligner = Aligner(self.spec)
        seen = world.observe()
        for name, value in seen.items():
            aligner.push(name, stamp, value)
        pose = make('geometry_msgs/msg/PoseStamped', stamp)
        pose.pose.position.x, pose.pose.position.y = seen['ee_pose'].tolist()
        joints = make(
            'sensor_msgs/msg/JointState',
            stamp,
            name=['other', 'finger'],
            position=np.array([9.0, seen['joint_states'][0]]),
        )
        goal = make('geometry_msgs/msg/PointStamped', stamp)
        goal.point.x, goal.point.y = seen['goal'].tolist()
        self.send('/ee_pose', pose)
        self.send('/joint_states', joints)
        self.send('/goal', goal)
        return aligner.frame(tick, stamp)

    def decide(self, tick, stamp, episode_id, mode, owner, sent):
        twist = make('geometry_msgs/msg/TwistStamped', stamp)
        twist.twist.linear.x, twist.twist.linear.y = (sent[:2] * 20.0).tolist()
        self.send('/servo/twist', twist)
        layout = SimpleNamespace(dim=[], data_offset=0)
        self.send(
            '/gripper/command',
            make('std_msgs/msg/Float64MultiArray', layout=layout, data=sent[2:]),
        )
        command = make(
            IL + 'Command',
            stamp,
            tick=tick,
            axes=list(self.spec.axis_names),
            action=sent,
            mode=int(mode),
            owner=int(owner),
        )
        self.send('/command', command)
        status = make(
            IL + 'GateStatus',
            stamp,
            tick=tick,
            episode_id=episode_id,
            step=tick,
            mode=int(mode),
            owner=int(owner),
            cause=int(self.cause),
            gate='novelty',
            score_names=['novelty'],
            scores=np.array([tick / 10]),
            thresholds=np.array([0.5]),
        )
        self.send('/gate/status', status)

    def outcome(self, outcome: Outcome = Outcome.SUCCESS) -> None:
        self.send(EVENTS, make(IL + 'EpisodeEvent', self.now_ns, kind=4, outcome=int(outcome)))
        self.recorder.stop(outcome, '', self.now_ns, self.now_ns)

    def settle(self) -> Manifest:
        for _ in range(5):
            self.now_ns += 20_000_000
            done = self.recorder.update(self.now_ns)
            if done is not None:
                return done
        raise AssertionError('the episode stays open')

    def begin(self, seed: int = 7) -> str:
        self.announce()
        episode_id = self.recorder.start(seed, 'ada', self.utc_s, self.now_ns)
        started = make(IL + 'EpisodeEvent', self.now_ns, kind=1, episode_id=episode_id, seed=seed)
        self.send(EVENTS, started)
        return episode_id

    def episode(self, ticks: int = 30, human: range = range(10, 20), seed: int = 7) -> Manifest:
        """Record a whole episode: two ticks of HOLD, then policy, and the human in `human`."""
        episode_id, world = self.begin(seed), ToyWorld(self.spec)
        world.reset(seed)
        for tick in range(1, 3):
            self.tick(world, tick, episode_id, Mode.HOLD, Owner.NOBODY)
        for tick in range(ticks):
            theirs = tick in human
            mode = Mode.SUPERVISOR if theirs else Mode.AUTONOMOUS
            owner = Owner.HUMAN if theirs else Owner.POLICY
            self.tick(world, 100 + tick, episode_id, mode, owner)
        self.outcome()
        return self.settle()
