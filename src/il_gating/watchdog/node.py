"""A watchdog between gate and driver, for robots whose interface has no command time-out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from il_core.codecs import codec
from il_core.types import NS_PER_S, Vector
from il_gating.watchdog.core import Watchdog
from il_gating.watchdog.findings import WatchdogFindings
from il_ros.build import command_builders
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_ros.topics import command_topic


@dataclass(frozen=True)
class WatchdogParams(CommonParams):
    prefix: str = param('driver', 'the driver listens to PREFIX/TOPIC', at_start=True)


class WatchdogNode(IlNode):
    """Passes commands on to PREFIX/TOPIC, and stops the robot there when they fall silent."""

    node_name = 'watchdog'
    params_type = WatchdogParams
    findings = WatchdogFindings

    def setup(self) -> None:
        self.spec = self.load_spec()
        commands, builders = self.spec.robot.commands, command_builders(self.spec)
        topics = [command_topic(c) for c in commands]
        outs = [dataclasses.replace(t, name=f'{self.params.prefix}/{t.name}') for t in topics]
        self.outs = list(zip(map(self.publisher, outs), builders, strict=True))
        self.dogs: list[Watchdog] = []
        for i, (topic, plan) in enumerate(zip(topics, commands, strict=True)):
            decode = codec('command', plan.codec).decoder(plan.fields)
            self.subscribe(topic, functools.partial(self.on_command, i, decode))

    def start(self) -> None:
        # What was heard before says nothing about where the robot is now.
        self.dogs = [Watchdog(self.spec, c) for c in self.spec.robot.commands]
        self.timer(self.spec.period_ns / NS_PER_S, self.on_period)

    def stop(self) -> None:
        self.last_words()

    def on_command(self, i: int, decode: Any, message: Any) -> None:
        if self.dogs[i].take(decode(message), self.steady_ns()):
            self.outs[i][0].publish(message)

    def on_period(self) -> None:
        now_ns = self.steady_ns()
        self.say(dog.due(now_ns) for dog in self.dogs)

    def last_words(self) -> list[Any]:
        self.say(dog.stop() for dog in self.dogs)
        return [out for out, _ in self.outs]

    def say(self, actions: Iterable[Vector | None]) -> None:
        """Send what there is to be said, per command topic."""
        for action, (out, build) in zip(actions, self.outs, strict=False):
            if action is not None:
                out.publish(build(action, self.now_ns()))

    def health(self) -> Health:
        now_ns = self.steady_ns()
        silent = any(dog.silent(now_ns) for dog in self.dogs)
        return Health.of(WatchdogFindings.SILENT() if silent else WatchdogFindings.PASSES())


def main() -> None:
    run(WatchdogNode)


if __name__ == '__main__':
    main()
