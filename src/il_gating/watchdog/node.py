"""A watchdog between gate and driver, for robots whose interface has no command time-out."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

from il_core.codecs import codec
from il_core.types import NS_PER_S
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
        dogs = [Watchdog(self.spec, c) for c in commands]
        self.watched = list(zip(dogs, map(self.publisher, outs), builders, strict=True))
        for topic, plan, (dog, out, _) in zip(topics, commands, self.watched, strict=True):
            decode = codec('command', plan.codec).decoder(plan.fields)
            self.subscribe(topic, functools.partial(self.on_command, dog, out, decode))

    def start(self) -> None:
        self.timer(self.spec.period_ns / NS_PER_S, self.on_period)

    def on_command(self, dog: Watchdog, out: Any, decode: Any, message: Any) -> None:
        if dog.take(decode(message), self.steady_ns()):
            out.publish(message)

    def on_period(self) -> None:
        for dog, out, build in self.watched:
            action = dog.due(self.steady_ns())
            if action is not None:
                out.publish(build(action, self.now_ns()))

    def last_words(self) -> list[Any]:
        for dog, out, build in self.watched:
            action = dog.stop()
            if action is not None:
                out.publish(build(action, self.now_ns()))
        return [out for _, out, _ in self.watched]

    def health(self) -> Health:
        now_ns = self.steady_ns()
        silent = any(dog.silent(now_ns) for dog, _, _ in self.watched)
        return Health.of(WatchdogFindings.SILENT() if silent else WatchdogFindings.PASSES())


def main() -> None:
    run(WatchdogNode)


if __name__ == '__main__':
    main()
