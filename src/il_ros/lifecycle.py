"""The base class of every node: hooks for the life cycle, errors that are heard, last words."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from rclpy.timer import Timer

from il_core.errors import UserError
from il_core.findings import Findings
from il_core.load import load_spec
from il_core.spec import Spec
from il_ros import topics
from il_ros.belongings import Belongings
from il_ros.exchange import WIRE, Wire
from il_ros.health import Health, NodeFindings, diagnostics
from il_ros.params import CommonParams, Declared
from il_ros.states import wake
from il_ros.topics import TOPICS, Topic

LAST_WORDS_S = 0.5
DIAGNOSTICS_S = 1.0


class IlNode(LifecycleNode):
    """A lifecycle node whose subclasses fill in hooks and never meet a transition.

    `setup` (configure) makes publishers, subscriptions and services with the methods below; they
    are destroyed by cleanup. `start` (activate) makes timers; deactivate destroys them, then calls
    `stop`. `teardown` (cleanup) releases what `setup` opened and must work after a `setup` that
    failed halfway. A UserError in `setup` or `start` is one line in the log and a failed
    transition; anything else is logged with its traceback and is an error. Callbacks run on one
    thread; while the node is not active services refuse, and subscriptions do nothing unless they
    are `inactive`.
    """

    node_name: ClassVar[str] = 'il_node'
    params_type: ClassVar[type] = CommonParams
    findings: ClassVar[type[Findings]] = NodeFindings

    def __init__(self, exchange: Wire = WIRE, **kwargs: Any) -> None:
        super().__init__(self.node_name, **kwargs)
        self._exchange, self._belongings = exchange, Belongings(self, exchange)
        self.active = False
        self.exit_code: int | None = None
        self.complaint = ''
        self._declared = Declared[Any](self, self.params_type, self._params_changed)
        self.params: Any = self._declared.values
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._active_timers: list[Timer] = []
        self._diagnostics = topics.create_publisher(self, TOPICS['diagnostics'])
        self._heartbeat = self.create_timer(DIAGNOSTICS_S, self._report, clock=self.steady)

    # Hooks.

    def setup(self) -> None:
        """Configure: read parameters, load what is needed, make publishers and subscriptions."""

    def start(self) -> None:
        """Activate: make timers."""

    def stop(self) -> None:
        """Deactivate: timers are gone already."""

    def teardown(self) -> None:
        """Clean up; called once per `setup`, also after one that raised."""

    def health(self) -> Health:
        """Return how the node is; called once a second while it is active."""
        return Health()

    def last_words(self) -> Iterable[Publisher]:
        """Publish what must be said before an active node goes down; return the publishers to
        wait for."""
        return ()

    def params_changed(self) -> None:
        """`self.params` holds new values: let live ones take effect on what `setup` made."""

    # What subclasses use.

    @property
    def lockstep(self) -> bool:
        return bool(self.params.lockstep)

    def load_spec(self) -> Spec:
        """Return the spec that parameters `task` and `robot` name. Raises UserError."""
        return load_spec(self.params.task, self.params.robot)

    def now_ns(self) -> int:
        """ROS time: for data stamps."""
        return int(self.get_clock().now().nanoseconds)

    def steady_ns(self) -> int:
        """Steady time: for deadlines, ages on receipt and rates."""
        return time.monotonic_ns()  # the clock behind STEADY_TIME, without rclpy's detours

    def together(self) -> AbstractContextManager[None]:
        """Messages published in here reach the nodes of this process before the first of them
        goes on the wire."""
        return self._exchange.together()

    def publisher(self, topic: Topic | str) -> Publisher:
        """Return a publisher of a topic of the table (by name) or of the spec."""
        return self._belongings.publisher(topic, self.lockstep)

    def subscribe(
        self,
        topic: Topic | str,
        callback: Callable[..., None],
        *,
        inactive: bool = False,
        **options: Any,
    ) -> Subscription:
        """Subscribe to a topic of the table (by name) or of the spec; `inactive`: while the node
        is not active, too. Options as in `topics.create_subscription`."""
        take = self._guarded(callback, inactive)
        lockstep = options.pop('lockstep', self.lockstep)
        return self._belongings.subscription(topic, take, lockstep, **options)

    def service(self, kind: Any, name: str, callback: Callable[[Any, Any], Any]) -> Any:
        """Offer a service with `success` and `message` in its answer, which a UserError fills
        in. On the single-threaded executor the callback may be a coroutine that awaits rclpy
        futures."""
        return self._belongings.service(kind, name, callback)

    def unsubscribe(self, made: Subscription) -> None:
        """Destroy a subscription before cleanup does."""
        self._belongings.give_up(made)

    def timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """Return a timer on the steady clock that lives until the node is deactivated."""
        made = self.create_timer(
            period_s, self._guarded(lambda _=None: callback()), clock=self.steady
        )
        self._active_timers.append(made)
        return made

    def untimer(self, made: Timer) -> None:
        """Destroy a timer before deactivation does."""
        self._active_timers.remove(made)
        self.destroy_timer(made)

    def complain(self, error: UserError) -> None:
        """Log an error that arrived from outside, at most once a second; the next diagnostics
        carry it."""
        self.complaint = str(error)
        self.get_logger().error(self.complaint, throttle_duration_sec=1.0)

    def request_exit(self, code: int) -> None:
        """Ask the process to close this node and end with `code`."""
        self.exit_code = code

    @property
    def state(self) -> str:
        """Of the life cycle: unconfigured, inactive, active, finalized."""
        return str(self._state_machine.current_state[1])

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Answer those who set parameters from outside, with the reason where that is refused."""
        parameter_list = self._declared.typed(parameter_list)
        reason = self._declared.refusal(parameter_list, self.state)
        if reason:
            self.get_logger().warning(f'refused: {reason}')
            return SetParametersResult(successful=False, reason=reason)
        return super().set_parameters_atomically(parameter_list)

    # Life cycle.

    def autostart(self) -> bool:
        """Configure and activate where the parameter says so. Returns False where that failed."""
        if not self.params.autostart:
            return True
        done = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == done and self.trigger_activate() == done

    def close(self) -> None:
        """Last words, then deactivate and clean up. Safe in every state and to call twice."""
        if self.active:
            self._attempt('last words', self._say_last_words)
            self.trigger_deactivate()
        if self.state == 'inactive':
            self.trigger_cleanup()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.complaint = ''
        result = self._attempt('configure', self.setup)
        if result != TransitionCallbackReturn.SUCCESS:
            self._release()
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.complaint = ''
        result = self._attempt('activate', self.start)
        self.active = result == TransitionCallbackReturn.SUCCESS
        if not self.active:
            self._halt()
        else:
            self.get_logger().info('is active')
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._halt()

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._release()

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self.on_error(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self.active:
            self._halt()
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def _attempt(self, what: str, hook: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            hook()
        except UserError as error:
            self.complaint = str(error)
            self.get_logger().error(f'{what} failed: {error}')
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.complaint = f'{what} raised, see the log'
            self.get_logger().error(f'{what} raised:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _halt(self) -> TransitionCallbackReturn:
        self.active = False
        while self._active_timers:
            self.destroy_timer(self._active_timers.pop())
        return _no_way_back(self._attempt('deactivate', self.stop))

    def _release(self) -> TransitionCallbackReturn:
        result = _no_way_back(self._attempt('cleanup', self.teardown))
        self._belongings.release()
        return result

    def _say_last_words(self) -> None:
        for publisher in self.last_words():
            publisher.wait_for_all_acked(Duration(seconds=LAST_WORDS_S))

    def _guarded(
        self, callback: Callable[..., None], inactive: bool = False
    ) -> Callable[..., None]:
        def call(message: Any = None) -> None:
            if not (self.active or inactive):
                return
            try:
                callback(message)
            except UserError as error:
                self.complain(error)

        return call

    def _params_changed(self, params: Any) -> None:
        self.params = params
        if self.state != 'unconfigured':
            self.params_changed()

    def _report(self) -> None:
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics(self.get_name(), self.state_of_health(), stamp))

    def state_of_health(self) -> Health:
        """Return what diagnostics say: of the life cycle, of complaints, of `health`."""
        node = self.get_fully_qualified_name()
        if not self.active:
            step = wake(self.state, node)
            if self.complaint:
                return Health.of(NodeFindings.FAILED(complaint=self.complaint, step=step))
            return Health.of(NodeFindings.INACTIVE(state=self.state, step=step))
        clashes = topics.type_clashes(self, self._belongings.topics)
        complaint, self.complaint = self.complaint, ''
        own = self.health()
        if clashes:
            return Health.of(NodeFindings.CLASH(clashes=', '.join(clashes)), own.values)
        if complaint:
            return Health.of(NodeFindings.REFUSED(complaint=complaint, node=node), own.values)
        return own


def _no_way_back(result: TransitionCallbackReturn) -> TransitionCallbackReturn:
    """A node that could not stop is not active again: every failure there is an error."""
    success = TransitionCallbackReturn.SUCCESS
    return success if result == success else TransitionCallbackReturn.ERROR
