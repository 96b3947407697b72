"""The policy as a node: observed streams in, one proposal per tick out."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from il_core.codecs import MissingName
from il_core.errors import UserError
from il_core.spec import Stream
from il_core.types import NS_PER_S, EventKind, Frame
from il_policy.api import POLICIES, Policy
from il_policy.findings import PolicyFindings, found
from il_policy.ticker import Ticker
from il_ros.beat import Beat
from il_ros.health import Health
from il_ros.messages import event_from_msg, proposal_to_msg
from il_ros.params import CommonParams, param
from il_ros.raw import StreamReader
from il_ros.run import run
from il_ros.swap import Swap
from il_ros.ticking import TickingNode
from il_ros.topics import stream_topic
from il_ros.window import Window

# Where observations start the ticks, a timer of so many periods notices that they stopped.
LATE_PERIODS = 1.5


@dataclass(frozen=True)
class PolicyParams(CommonParams):
    policy: str = param('none', 'what proposes', choices=POLICIES.names)
    checkpoint: str = param('', 'folder of a checkpoint; `il swap` changes it while running')
    tick_on: str = param(
        'timer',
        "what starts a tick: a timer at the robot's rate, or the arrival of all observations of "
        'one stamp (one source, such as the simulator)',
        choices=('timer', 'observations'),
    )


class PolicyNode(TickingNode):
    """Owns the tick stream of the robot. In lockstep observations start the ticks."""

    node_name = 'policy'
    params_type = PolicyParams
    findings = PolicyFindings

    def setup(self) -> None:
        self.spec = self.load_spec()
        self.policy = self._load(Path(self.params.checkpoint) if self.params.checkpoint else None)
        self.ticker = Ticker(self.spec)
        self.age, self.inference = Window('observation_age_s'), Window('inference_s')
        topics = ' '.join(self.resolve_topic_name(s.topic) for s in self.spec.observed)
        self.found, self.ticked = PolicyFindings.UNTICKED(topics=topics), False
        self.on_arrival = self.lockstep or self.params.tick_on == 'observations'
        self.proposals = self.publisher('policy/proposal')
        for stream in self.spec.observed:
            self._subscribe_stream(stream)
        self.subscribe('episode/events', self.on_event)
        self.swap = Swap(self, 'policy', self._load, self._put)

    def start(self) -> None:
        self.beat = Beat(self.spec.period_ns, follows=not self.spec.robot.real)
        period_s = self.spec.period_ns / NS_PER_S
        if not self.on_arrival:
            self.timer(period_s, self.on_timer)
        elif not self.lockstep:
            self.timer(period_s * LATE_PERIODS, self.on_late)

    def health(self) -> Health:
        values = {
            'policy': self.params.policy,
            'checkpoint_id': self.policy.checkpoint_id,
            **self.age.summary(),
            **self.inference.summary(),
            **self.overruns(),
        }
        return Health.of(self.found, values)

    def on_sample(self, stream: Stream, read: StreamReader, message: Any) -> None:
        try:
            stamp_ns, values = read(message)
            self.ticker.push(stream.name, stamp_ns, values)
        except MissingName as error:
            self.ticker.fail(stream.name, error)
            return
        except UserError as error:
            self.ticker.fail(stream.name, error)
            raise
        if self.on_arrival and self.ticker.ready(stamp_ns):
            self.tick(stamp_ns)

    def on_timer(self) -> None:
        self.tick(self.now_ns())

    def on_late(self) -> None:
        if not self.ticked:
            self.tick(self.now_ns())
        self.ticked = False

    def on_event(self, message: Any) -> None:
        if event_from_msg(message).kind is EventKind.STARTED:
            self.policy.reset()

    def tick(self, stamp_ns: int) -> None:
        frame = self.ticker.tick(stamp_ns)
        if frame is not None:
            self.ticked = True
            self.begin_tick(stamp_ns)
            self.propose(frame)
            self.end_tick()

    def propose(self, frame: Frame) -> None:
        proposal = self.policy.propose(frame)
        self.proposals.publish(proposal_to_msg(proposal))
        self.found = found(proposal)
        self.age.add(frame.age_s)
        self.inference.add(proposal.inference_s)

    def _load(self, checkpoint: Path | None) -> Policy:
        policy: Policy = POLICIES.load(self.params.policy)(self.spec, checkpoint)
        return policy

    def _put(self, policy: Policy) -> Policy:
        self.policy, old = policy, self.policy
        self.policy.reset()
        return old

    def _subscribe_stream(self, stream: Stream) -> None:
        read = StreamReader(stream)
        handle = functools.partial(self.on_sample, stream, read)
        self.subscribe(stream_topic(stream), handle, raw=read.raw)


def main() -> None:
    run(PolicyNode)


if __name__ == '__main__':
    main()
