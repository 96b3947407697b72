"""A node with something to say before it goes; run by test_signals."""

from __future__ import annotations

import signal
import sys
import time

from interactive_il.msg import Command

import il_ros.parting
from il_core.errors import UserError
from il_ros.lifecycle import IlNode
from il_ros.run import run
from il_ros.told_to_go import SIGNALS


class StoppingNode(IlNode):
    node_name = 'stopping'

    def setup(self):
        self.commands = self.publisher('command')

    def start(self):
        self.timer(0.02, self.tick)

    def tick(self):
        self.commands.publish(Command(tick=1))

    def last_words(self):
        self.get_logger().info('goes')
        self.commands.publish(Command(tick=999))
        return (self.commands,)


class RaisingNode(StoppingNode):
    def tick(self):
        raise ZeroDivisionError('in a callback')


class UnhappyNode(StoppingNode):
    def setup(self):
        raise UserError('gate', 'moon', 'not known', ['hg_dagger'])


class StuckNode(StoppingNode):
    """As where the transport does not let go."""

    def setup(self):
        super().setup()
        il_ros.parting.LONGEST_CLOSE_S = 1.0

    def teardown(self):
        while True:
            time.sleep(1.0)


class DeafNode(StoppingNode):
    """As where the transport never comes back."""

    def start(self):
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        super().start()


if __name__ == '__main__':
    kinds = {'raise': RaisingNode, 'unhappy': UnhappyNode, 'stuck': StuckNode}
    run(kinds.get(sys.argv[1], StoppingNode))
