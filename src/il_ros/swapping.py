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

# The gate first: it refuses while somebody acts. Until the policy follows it holds.
NODES = ('gate', 'policy')
RETRY_S = 0.2


class Swapper:
    """Swaps checkpoints of the graph in a node's namespace; `close` destroys its clients."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._clients = {
            f'{n}/prepare': node.create_client(LoadCheckpoint, f'{n}/prepare') for n in NODES
        }
        for name in (f'{n}/{phase}' for n in NODES for phase in ('commit', 'rollback')):
            self._clients[name] = node.create_client(Trigger, name)

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
        """Let both run what they ran before the last swap. Raises UserError."""
        self._check_there()
        await self._commit_gate(time.monotonic() + wait_s, 'gate/rollback')
        await self._call('policy/rollback')

    def close(self) -> None:
        for client in self._clients.values():
            self._node.destroy_client(client)

    def _check_there(self) -> None:
        if missing := self.missing():
            raise UserError('services', missing, 'are not there; is the graph up and active?')

    async def _prepare(self, node: str, checkpoint: Path) -> str:
        request = LoadCheckpoint.Request(checkpoint=str(checkpoint.resolve()))
        answer = await self._call(f'{node}/prepare', request)
        return str(answer.checkpoint_id)

    async def _commit_gate(self, end_s: float, name: str = 'gate/commit') -> None:
        while True:
            try:
                await self._call(name)
                return
            except UserError:
                if time.monotonic() > end_s:
                    raise
            await self._pause()

    async def _call(self, name: str, request: Any = None) -> Any:
        answer = await self._clients[name].call_async(request or Trigger.Request())
        if not answer.success:
            raise UserError('service', name, f'refused: {answer.message}')
        return answer

    async def _pause(self) -> None:
        future = Future(executor=self._node.executor)
        timer = self._node.create_timer(
            RETRY_S,
            lambda: None if future.done() else future.set_result(None),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        await future
        self._node.destroy_timer(timer)
