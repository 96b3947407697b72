"""The caller's side of a swap: policy and gate change together, or not at all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from interactive_il.srv import LoadCheckpoint
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_ros.namespaces import not_here
from il_ros.swap import NO_COMMIT, UNPREPARED

# The gate first: it refuses while somebody acts. Until the policy follows it holds.
NODES = ('gate', 'policy')
RETRY_S = 0.2
ANSWER_S = 10.0  # as `il swap` waits


class Refused(UserError):
    """A node is there and says no; later it may say yes."""


class GivenUp(UserError):
    """Somebody does not want to wait for the gate any longer."""


class Swapper:
    """Swaps checkpoints of the graph in a node's namespace; `close` destroys its clients.

    Attributes:
        given_up: whoever waits for the gate to have time sets it, and waits no longer.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._clients = {
            f'{n}/prepare': node.create_client(LoadCheckpoint, f'{n}/prepare') for n in NODES
        }
        for name in (f'{n}/{phase}' for n in NODES for phase in ('commit', 'rollback')):
            self._clients[name] = node.create_client(Trigger, name)
        self.given_up = False

    def missing(self) -> list[str]:
        """Return the services that are not there."""
        return [name for name, client in self._clients.items() if not client.service_is_ready()]

    async def swap(self, checkpoint: Path, wait_s: float) -> str:
        """Let policy and gate run `checkpoint`; return its id.

        Args:
            checkpoint: folder of a checkpoint with a fitted gate.
            wait_s: for the gate to hold, or for the end of the episode.

        Raises:
            UserError: a node is missing or refuses; both run what they ran before.
            GivenUp: `given_up` was set before the gate had time; as before, too.
        """
        self._check_there()
        ids = [await self._prepare(node, checkpoint) for node in NODES]
        if len(set(ids)) > 1:
            raise UserError('checkpoint', str(checkpoint), f'gate and policy read {ids}')
        await self._commit_gate(time.monotonic() + wait_s)
        try:
            await self._call('policy/commit')
        except UserError:
            await self._call('gate/rollback')
            raise
        return ids[0]

    async def rollback(self, wait_s: float) -> None:
        """Let both run what they ran before the last swap.

        Raises:
            UserError: a node is missing or refuses; both run what they ran before the call.
        """
        self._check_there()
        await self._commit_gate(time.monotonic() + wait_s, 'gate/rollback')
        try:
            await self._call('policy/rollback')
        except UserError:
            await self._call('gate/commit')  # a rollback leaves prepared what it took away
            raise

    def close(self) -> None:
        for client in self._clients.values():
            self._node.destroy_client(client)

    def _check_there(self) -> None:
        if not (missing := self.missing()):
            return
        lacking = ', '.join(missing) if len(missing) < len(self._clients) else 'policy and gate'
        raise not_here(self._node, 'gate/prepare', lacking)

    async def _prepare(self, node: str, checkpoint: Path) -> str:
        request = LoadCheckpoint.Request(checkpoint=str(checkpoint.resolve()))
        answer = await self._call(f'{node}/prepare', request)
        return str(answer.checkpoint_id)

    async def _commit_gate(self, end_s: float, name: str = 'gate/commit') -> None:
        while True:
            if self.given_up:
                raise GivenUp('swap', name, 'given up: the gate had no time')
            try:
                await self._call(name)
                return
            except Refused:
                if time.monotonic() > end_s:
                    raise
            await self._pause(RETRY_S)

    async def _call(self, name: str, request: Any = None) -> Any:
        """Return the answer of a service.

        Raises:
            Refused: it says no.
            UserError: it is not there, or its node went away with the question, or was started
                anew: what that node had prepared is lost. Or there is no swap to take back.
        """
        client = self._clients[name]
        if not client.service_is_ready():
            raise UserError('service', name, 'is not there; is its node up and active?')
        answering = client.call_async(request or Trigger.Request())
        await self._pause(ANSWER_S, answering)
        if not answering.done():
            client.remove_pending_request(answering)
            raise UserError('service', name, f'no answer within {ANSWER_S:g} s')
        answer = answering.result()
        if answer.success:
            return answer
        for_good = any(words in answer.message for words in (UNPREPARED, NO_COMMIT))
        kind = UserError if for_good else Refused
        raise kind('service', name, f'refused: {answer.message}')

    async def _pause(self, limit_s: float, until: Future | None = None) -> None:
        """Wait for `limit_s`, or `until` that is done."""
        over = Future(executor=self._node.executor)

        def end(_: object = None) -> None:
            if not over.done():
                over.set_result(None)

        steady = Clock(clock_type=ClockType.STEADY_TIME)
        timer = self._node.create_timer(limit_s, end, clock=steady)
        if until is not None:
            until.add_done_callback(end)
        await over
        self._node.destroy_timer(timer)
