"""Frames survive the network: jitter, loss, messages sent twice, and arrival out of order.

The policy's ticker and the recorder get the same sensors, each through a network of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from il_core.spec import Spec
from il_core.types import Frame, Mode, Owner
from il_data.check import check
from il_data.manifest import Verdict
from il_data.read import read_episode, rebuild_frames
from il_policy.ticker import Ticker
from tests.il_data.fake import IL, Rig, make, time

MS = 1_000_000
DURATION_NS = 3000 * MS


@dataclass(frozen=True)
class Network:
    """Shares of messages `lost` and sent `twice`; a delay up to `delay_ns`, uniform, so that
    messages overtake each other."""

    lost: float
    twice: float
    delay_ns: int

    def deliver(self, rng: np.random.Generator, sent: list[Sample]) -> Iterator[Arrived]:
        for sample in sent:
            copies = 0 if rng.random() < self.lost else 1 + (rng.random() < self.twice)
            for _ in range(copies):
                yield Arrived(sample.stamp_ns + int(rng.integers(0, self.delay_ns)), sample)


@dataclass(frozen=True, eq=False)
class Sample:
    stream: str
    stamp_ns: int
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class Arrived:
    now_ns: int
    sample: Sample


NETWORKS = {
    'quiet': (Network(0.0, 0.0, MS), Network(0.0, 0.0, MS)),
    'jitter': (Network(0.0, 0.0, 120 * MS), Network(0.0, 0.0, 120 * MS)),
    'the policy hears less': (Network(0.4, 0.2, 150 * MS), Network(0.0, 0.2, 60 * MS)),
    'the recorder hears less': (Network(0.0, 0.1, 60 * MS), Network(0.3, 0.1, 150 * MS)),
    'everything': (Network(0.3, 0.3, 200 * MS), Network(0.1, 0.3, 200 * MS)),
}


def sensed(rng: np.random.Generator, spec: Spec, start_ns: int) -> list[Sample]:
    """Return what the sensors send: each stream at its own uneven rate."""
    out = []
    for stream in spec.observed:
        stamp_ns, period_ns = start_ns, int(rng.integers(8, 60)) * MS
        while stamp_ns < start_ns + DURATION_NS:
            out.append(Sample(stream.name, stamp_ns, rng.normal(size=len(stream.fields))))
            stamp_ns += int(period_ns * rng.uniform(0.5, 1.5))
    return out


def message(sample: Sample) -> object:
    if sample.stream == 'joint_states':
        made = make('sensor_msgs/msg/JointState', sample.stamp_ns, name=['finger'])
        made.position = sample.value
    elif sample.stream == 'ee_pose':
        made = make('geometry_msgs/msg/PoseStamped', sample.stamp_ns)
        made.pose.position.x, made.pose.position.y = sample.value.tolist()
    else:
        made = make('geometry_msgs/msg/PointStamped', sample.stamp_ns)
        made.point.x, made.point.y = sample.value.tolist()
    return made


def live(spec: Spec, start_ns: int, arrived: list[Arrived]) -> list[Frame]:
    """Return the frames of a policy that gets samples in order of arrival."""
    ticker, frames = Ticker(spec), []
    waiting = sorted(arrived, key=lambda a: a.now_ns)
    for tick_ns in range(start_ns, start_ns + DURATION_NS, spec.period_ns):
        while waiting and waiting[0].now_ns <= tick_ns:
            sample = waiting.pop(0).sample
            ticker.push(sample.stream, sample.stamp_ns, sample.value)
        frame = ticker.tick(tick_ns)
        assert frame is not None
        frames.append(frame)
    return frames


def proposal(spec: Spec, frame: Frame) -> object:
    return make(
        IL + 'Proposal',
        frame.stamp_ns,
        tick=frame.tick,
        spec_hash=spec.hash,
        frame=frame.vector,
        stream_stamps=[time(ns) for ns in frame.stamps_ns],
        mean=np.zeros(len(spec.axes)),
        fault=frame.fault,
    )


def record(rig: Rig, rng: np.random.Generator, frames: list[Frame], heard: list[Arrived]) -> Path:
    """Record everything in the order in which it comes to the recorder."""
    episode_id = rig.begin()
    coming: list[tuple[int, object]] = [(a.now_ns, a.sample) for a in heard]
    for frame in frames:  # proposal and command go their ways: either may be first
        coming += [
            (frame.stamp_ns + int(rng.integers(0, 40 * MS)), f) for f in (frame, frame.tick)
        ]
    for now_ns, what in sorted(coming, key=lambda c: c[0]):
        rig.now_ns = max(rig.now_ns, now_ns)
        if isinstance(what, Sample):
            rig.send(f'/{what.stream}', message(what))
        elif isinstance(what, Frame):
            rig.send('/policy/proposal', proposal(rig.spec, what))
        else:
            sent, stamp_ns = np.zeros(len(rig.spec.axes)), frames[what].stamp_ns
            rig.decide(what, stamp_ns, episode_id, Mode.AUTONOMOUS, Owner.POLICY, sent)
    rig.outcome()
    return rig.folder / rig.settle().episode_id


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('name', NETWORKS)
def test_frames_of_proposals_and_rebuilt_frames_are_equal_bit_by_bit(
    name: str, seed: int, tmp_path: Path
) -> None:
    rig, rng = Rig(tmp_path), np.random.default_rng((seed, 7))
    to_policy, to_recorder = NETWORKS[name]
    start_ns = rig.now_ns + 2 * rig.spec.period_ns  # the first is what the recorder waits for
    sent = sensed(rng, rig.spec, start_ns)
    frames = live(rig.spec, start_ns, list(to_policy.deliver(rng, sent)))
    heard = list(to_recorder.deliver(rng, sent))
    bag = record(rig, rng, frames, heard)

    episode, rebuilt = read_episode(bag), rebuild_frames(bag)
    assert episode.steps['tick'].tolist() == [f.tick for f in frames], 'every command is a step'
    usable = [not f.fault for f in frames]
    assert np.isfinite(episode.frames).all(axis=1).tolist() == usable
    known = {(a.sample.stream, a.sample.stamp_ns) for a in heard}
    absent = 0
    for frame, carried, again in zip(frames, episode.frames, rebuilt, strict=True):
        if frame.fault:
            assert not np.isfinite(again).any()
            continue
        assert carried.tobytes() == frame.vector.tobytes()
        used = zip((s.name for s in rig.spec.observed), frame.stamps_ns, strict=True)
        if known.issuperset(used):
            assert again.tobytes() == frame.vector.tobytes()
        else:
            absent += 1
            assert np.isnan(again).all(), 'nothing is guessed where a sample is missing'
    assert sum(usable) > len(frames) / 4, 'the test sees frames'
    assert bool(absent) == (to_recorder.lost > 0)
    lines = ' '.join(check(bag, None).lines)
    assert ('cannot be rebuilt' in lines) == bool(absent)
    assert 'differ' not in lines


def parity(bag: Path, frames: list[Frame]) -> None:
    """Assert that frames are carried by the bag, and rebuilt from it, bit by bit."""
    episode, rebuilt = read_episode(bag), rebuild_frames(bag)
    assert len(episode) == len(frames)
    for frame, carried, again in zip(frames, episode.frames, rebuilt, strict=True):
        if frame.fault:
            assert np.isnan(carried).all()
            assert np.isnan(again).all()
        else:
            assert carried.tobytes() == again.tobytes() == frame.vector.tobytes()


def test_while_a_sensor_s_clock_is_ahead_there_is_no_frame_live_and_in_the_bag(
    tmp_path: Path,
) -> None:
    """For a second the clock of joint_states is 1 s ahead; then it is set right."""
    rig, rng = Rig(tmp_path), np.random.default_rng(0)
    start_ns = rig.now_ns + 2 * rig.spec.period_ns
    heard = [
        Arrived(s.stamp_ns, Sample(s.stream, s.stamp_ns + ahead_ns, np.full_like(s.value, made_s)))
        for s in sensed(rng, rig.spec, start_ns)
        for made_s in [(s.stamp_ns - start_ns) / 1e9]
        for ahead_ns in [1000 * MS if s.stream == 'joint_states' and 1 <= made_s < 2 else 0]
    ]
    frames = live(rig.spec, start_ns, heard)
    for frame in frames:
        now_s = (frame.stamp_ns - start_ns) / 1e9
        if 1.2 <= now_s < 2:
            assert 's ahead of this clock' in frame.fault
        if not frame.fault:
            assert frame.vector.min() >= now_s - 0.2, 'no sample is older than it says'
    assert sum(not frame.fault for frame in frames) > 30
    parity(record(rig, rng, frames, heard), frames)


def test_frames_after_a_clock_that_jumped_back_are_rebuilt_too(tmp_path: Path) -> None:
    rig, rng = Rig(tmp_path), np.random.default_rng(0)
    ticker, frames, zeros = Ticker(rig.spec), list[Frame](), np.zeros(len(rig.spec.axes))
    episode_id = rig.begin()
    for tick in range(40):
        rig.now_ns += rig.spec.period_ns
        stamp_ns = rig.now_ns - (3000 * MS if tick >= 20 else 0)
        for stream in rig.spec.observed:
            sample = Sample(stream.name, stamp_ns, rng.normal(size=len(stream.fields)))
            rig.send(f'/{stream.name}', message(sample))
            ticker.push(stream.name, stamp_ns, sample.value)
        frame = ticker.tick(stamp_ns)
        assert frame is not None
        assert not frame.fault
        frames.append(frame)
        rig.send('/policy/proposal', proposal(rig.spec, frame))
        rig.decide(tick, stamp_ns, episode_id, Mode.AUTONOMOUS, Owner.POLICY, zeros)
    rig.outcome()
    parity(rig.folder / rig.settle().episode_id, frames)


def test_a_stamp_that_two_samples_bear_cannot_be_rebuilt_and_is_not_called_wrong(
    tmp_path: Path,
) -> None:
    rig, rng = Rig(tmp_path), np.random.default_rng(0)
    start_ns = rig.now_ns + 2 * rig.spec.period_ns  # the first is what the recorder waits for
    sent = sensed(rng, rig.spec, start_ns)
    quiet = Network(0.0, 0.0, 1)
    frames = live(rig.spec, start_ns, list(quiet.deliver(rng, sent)))
    used = frames[20].stamps_ns[rig.spec.observed.index(rig.spec.streams[0])]
    late = Sample('ee_pose', used, np.ones(2))
    heard = [*quiet.deliver(rng, sent), Arrived(used + 500 * MS, late)]
    bag = record(rig, rng, frames, heard)
    episode, rebuilt = read_episode(bag), rebuild_frames(bag)
    assert np.array_equal(episode.frames[20], frames[20].vector)
    assert np.isnan(rebuilt[20]).all()
    assert np.array_equal(rebuilt[40], frames[40].vector)
    found = check(bag, None)
    assert found.verdict is Verdict.SUSPECT
    assert any('cannot be rebuilt' in line for line in found.lines)
