"""Services whose UserErrors become answers."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any, Protocol

from rclpy.callback_groups import ReentrantCallbackGroup

from il_core.errors import UserError

QUIET_S = 10.0  # so long the log does not repeat a refusal
Answer = Callable[[Any, Any], Any]


class Host(Protocol):
    """A node that may be active or not."""

    active: bool

    def get_name(self) -> str: ...
    def get_logger(self) -> Any: ...
    def create_service(self, kind: Any, name: str, callback: Answer, **options: Any) -> Any: ...


def offer(node: Host, kind: Any, name: str, callback: Answer) -> Any:
    """Return a service of `node` that refuses while the node is not active, and where `callback`
    raises a UserError; that fills `success` and `message` of the answer. A caller who asks
    again and again (`il swap`) is in the log with each refusal every QUIET_S."""
    said_s: dict[str, float] = {}

    def refuse(response: Any, error: UserError) -> Any:
        response.success, response.message = False, str(error)
        now_s = time.monotonic()
        for old in [m for m, s in said_s.items() if now_s - s > QUIET_S]:
            del said_s[old]
        if response.message not in said_s:
            said_s[response.message] = now_s
            node.get_logger().error(f'{name}: {error}')
        return response

    def answer(request: Any, response: Any) -> Any:
        try:
            if not node.active:
                raise UserError('node', node.get_name(), 'is not active')
            return callback(request, response)
        except UserError as error:
            return refuse(response, error)

    async def answer_later(request: Any, response: Any) -> Any:
        waiting = answer(request, response)
        if not inspect.iscoroutine(waiting):
            return waiting
        try:
            return await waiting
        except UserError as error:
            return refuse(response, error)

    if inspect.iscoroutinefunction(callback):  # else its group would wait for it too
        group = ReentrantCallbackGroup()
        return node.create_service(kind, name, answer_later, callback_group=group)
    return node.create_service(kind, name, answer)
