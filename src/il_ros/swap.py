"""The node's side of a swap: what runs is changed in two phases, and back.

`prepare` loads a checkpoint beside the one that runs: tens of milliseconds in which no tick is
answered, much less than what counts as loss. `commit` puts it in place between two ticks,
`rollback` puts the one before back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from interactive_il.srv import LoadCheckpoint
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_ros.lifecycle import IlNode


class OfCheckpoint(Protocol):
    """What a checkpoint becomes in a node."""

    @property
    def checkpoint_id(self) -> str: ...


T = TypeVar('T', bound=OfCheckpoint)

# Refusals that stay however long a caller waits.
UNPREPARED, NO_COMMIT = 'nothing was prepared', 'there was no commit to take back'


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """Something that can run, and the folder it came from (empty: none)."""

    value: T
    checkpoint: str


class Swap(Generic[T]):
    """Offers `NAME/prepare`, `NAME/commit` and `NAME/rollback` on a node.

    Args:
        node: with a parameter `checkpoint`, which follows.
        name: of the services' folder.
        load: makes of a folder what can run. Raises UserError.
        put: puts that in place and returns what was there. Raises UserError where now is not the
            time.
    """

    def __init__(
        self, node: IlNode, name: str, load: Callable[[Path], T], put: Callable[[T], T]
    ) -> None:
        self._node, self._name, self._load, self._put = node, name, load, put
        self._prepared: Loaded[T] | None = None
        self._previous: Loaded[T] | None = None
        node.service(LoadCheckpoint, f'{name}/prepare', self.on_prepare)
        node.service(Trigger, f'{name}/commit', self.on_commit)
        node.service(Trigger, f'{name}/rollback', self.on_rollback)

    def on_prepare(self, request: Any, response: Any) -> Any:
        if not request.checkpoint:
            raise UserError('checkpoint', request.checkpoint, 'must be the folder of one')
        value = self._load(Path(request.checkpoint))
        self._prepared = Loaded(value, request.checkpoint)
        response.success, response.checkpoint_id = True, value.checkpoint_id
        response.message = f'prepared; {self._name}/commit puts it in place'
        return response

    def on_commit(self, _: Any, response: Any) -> Any:
        what = f'{self._name}/commit'
        self._previous = self._place(what, self._prepared, f'{UNPREPARED}: `il swap` does')
        self._prepared = None
        return self._said(response)

    def on_rollback(self, _: Any, response: Any) -> Any:
        what = f'{self._name}/rollback'
        self._prepared = self._place(what, self._previous, NO_COMMIT)
        self._previous = None
        return self._said(response)

    def _place(self, what: str, new: Loaded[T] | None, otherwise: str) -> Loaded[T]:
        if new is None:
            raise UserError(what, None, otherwise)
        old = Loaded(self._put(new.value), self._node.params.checkpoint)
        self._node.set_parameters([Parameter('checkpoint', value=new.checkpoint)])
        return old

    def _said(self, response: Any) -> Any:
        response.success = True
        response.message = f'{self._node.params.checkpoint or "no checkpoint"} runs'
        return response
