"""The simulator as a node: streams out, commands in; real time, or one tick per answer."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

from interactive_il.srv import ResetSim, StepSim
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from il_core.errors import UserError
from il_core.spec import Stream
from il_core.types import (
    NS_PER_S,
    Command,
    EpisodeEvent,
    EventKind,
    Mode,
    Outcome,
    Owner,
    Vector,
)
from il_ros.beat import Beat
from il_ros.build import build_stream, header, to_time
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.messages import command_from_msg, event_to_msg, expert_to_msg
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_ros.topics import command_topic, stream_topic
from il_sim.api import make_world
from il_sim.findings import SimFindings, found
from il_sim.inbox import CommandInbox
from il_sim.stage import STILL_NS, Stage, Turns


@dataclass(frozen=True)
class SimParams(CommonParams):
    gui: bool = param(False, 'open a window')
    camera: bool = param(False, "publish the spec's camera images (slow)")
    width: int = param(128, 'image width in pixels', low=16, high=1920, live=True)
    height: int = param(96, 'image height in pixels', low=16, high=1080, live=True)
    seed: int = param(0, 'initial state before the first reset', low=0, high=2**31)
    speed: float = param(
        1.0,
        'simulated seconds per second, in real time; below 0.3 no policy acts',
        low=0.01,
        high=100.0,
        live=True,
    )


class SimNode(IlNode):
    """Owns the world. Stands still after a reset until the first command that is not HOLD."""

    node_name = 'sim'
    params_type = SimParams
    findings = SimFindings

    def setup(self) -> None:
        self.world = make_world(self.load_spec(), self.params.gui)
        self.spec = self.world.spec
        self.stage = Stage(self.world, time.time_ns(), self.params.seed)
        self.turns, self.inbox = Turns(), CommandInbox(self.spec)
        self.last = self._nothing_said()
        self.streams = [(s, self.publisher(stream_topic(s))) for s in self.spec.observed]
        self.images = [(s, self.publisher(stream_topic(s))) for s in self._cameras()]
        self.clock_out = self.publisher('/clock')
        self.supervisor = self.publisher('sim/supervisor')
        self.events = self.publisher('episode/events')
        self.subscribe('command', self.on_command)
        if not self.lockstep:
            for command in self.spec.robot.commands:
                take = functools.partial(self.on_robot_command, self.inbox.reader(command))
                self.subscribe(command_topic(command), take)
        self.service(ResetSim, 'sim/reset', self.on_reset)
        self.service(StepSim, 'sim/step', self.on_step)

    def start(self) -> None:
        if self.lockstep:
            self.timer(STILL_NS * 1e-9, self.look_around)
        else:
            self.begin_real_time()

    def begin_real_time(self) -> None:
        self.beat = Beat(round(self.period_s() * NS_PER_S))
        self.ticking = self.timer(self.period_s(), self.real_time_tick)

    def params_changed(self) -> None:
        if self.active and not self.lockstep:
            self.untimer(self.ticking)
            self.begin_real_time()

    def period_s(self) -> float:
        return self.spec.period_ns * 1e-9 / self.params.speed

    def teardown(self) -> None:
        if hasattr(self, 'world'):
            self.world.close()

    def health(self) -> Health:
        stage = self.stage
        values = {'seed': stage.seed, 'step': stage.step, 'outcome': stage.outcome.name}
        task, name = self.spec.task.name, self.get_fully_qualified_name()
        if not self.lockstep and (overruns := self.beat.worth_telling()):
            (ticks, missed), period_s = overruns, self.period_s()
            slow = SimFindings.SLOW(
                task=task, missed=missed, ticks=ticks, period_s=period_s, node=name
            )
            return Health.of(slow, values)
        return Health.of(found(stage, task), values)

    # Lockstep: the answer to tick k starts tick k+1.

    def on_command(self, message: Any) -> None:
        command = command_from_msg(message)
        if not self.lockstep:
            self.on_mode(command)
        elif command.stamp_ns == self.stage.stamp_ns and not self.stage.over:
            self.turns.answer(self.steady_ns())
            self.pass_period(command.action, command)
            if self.stage.running:
                self.show()

    def look_around(self) -> None:
        if not self.stage.over and self.turns.due(self.steady_ns(), not self.stage.running):
            self.show(pass_time=not self.turns.answered)

    # Real time: the timer starts every tick.

    def on_mode(self, command: Command) -> None:
        self.last = command
        self.inbox.stand_in(command.action)
        if not self.spec.robot.commands:
            self.inbox.take(command.action, self.steady_ns())

    def on_robot_command(self, take: Any, message: Any) -> None:
        take(message, self.steady_ns())

    def real_time_tick(self) -> None:
        self.beat.begin(self.steady_ns())
        if self.turns.granted != 0:
            self.pass_period(self.inbox.action(self.steady_ns()), self.last)
        self.show()
        self.beat.end(self.steady_ns())

    # Both.

    def pass_period(self, action: Vector, command: Command) -> None:
        outcome = self.stage.advance(action, command.mode)
        if outcome is not Outcome.UNKNOWN:
            now_ns, seed = self.stage.stamp_ns, self.stage.seed
            event = EpisodeEvent(now_ns, EventKind.OUTCOME, '', seed, command.tick, outcome)
            self.events.publish(event_to_msg(event))

    def show(self, pass_time: bool = False) -> None:
        """Publish the present state, where a tick is granted."""
        if not self.turns.take(self.steady_ns()):
            return
        if pass_time:
            self.stage.advance(None, Mode.HOLD)
        stamp_ns = self.stage.stamp_ns
        self.clock_out.publish(Clock(clock=to_time(stamp_ns)))
        values = self.world.observe()
        messages = [build_stream(s, values[s.name], stamp_ns) for s, _ in self.streams]
        with self.together():
            for (_, publisher), message in zip(self.streams, messages, strict=True):
                publisher.publish(message)
        self.supervisor.publish(expert_to_msg(self.stage.supervisor()))
        for stream, publisher in self.images:
            publisher.publish(self._image(stream, stamp_ns))

    def on_reset(self, request: Any, response: Any) -> Any:
        if self.lockstep and not self.turns.ever_answered:
            # An episode begun now would lose its first commands.
            raise UserError('sim/reset', request.seed, 'must wait for the first answer to a tick')
        self.stage.reset(request.seed)
        self.turns.interrupt(self.steady_ns())
        self.inbox.clear()
        self.last = self._nothing_said()
        response.success, response.message = True, f'seed {request.seed}'
        if self.lockstep:
            self.show()
        return response

    def on_step(self, request: Any, response: Any) -> Any:
        if request.n or request.pause:
            self.turns.pause(request.n)
        else:
            self.turns.go_on()
        response.success, response.stamp = True, to_time(self.stage.stamp_ns)
        return response

    def _nothing_said(self) -> Command:
        return Command(0, 0, self.inbox.action(0), Mode.HOLD, Owner.NOBODY)

    def _cameras(self) -> list[Stream]:
        return [s for s in self.spec.streams if s.codec == 'image' and self.params.camera]

    def _image(self, stream: Stream, stamp_ns: int) -> Image:
        pixels = self.world.render(self.params.width, self.params.height)
        return Image(
            header=header(stamp_ns, stream.frame_id),
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding='rgb8',
            step=pixels.shape[1] * 3,
            data=pixels.tobytes(),
        )


def main() -> None:
    run(SimNode)


if __name__ == '__main__':
    main()
