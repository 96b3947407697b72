"""The recorder as a node: raw subscriptions to everything, one bag per episode."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interactive_il.msg import EpisodeEvent as EventMsg
from interactive_il.srv import LabelEpisode, StartEpisode, StopEpisode
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from std_srvs.srv import Trigger

from il_core.types import NS_PER_S, EpisodeEvent, EventKind, Outcome
from il_data.bag import Arrival, Qos
from il_data.manifest import Manifest
from il_data.plan import EVENTS, recorded, unwanted
from il_data.record import Recorder
from il_data.recording import Settings, State
from il_ros import offers
from il_ros.health import Health, Level
from il_ros.lifecycle import IlNode
from il_ros.messages import event_from_msg, event_to_msg
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_ros.topics import Topic, profile, topics

DEPTH = 1000
UPDATE_S = 0.02
FOLLOW_S = 0.5
DISCARD = 'discard'


@dataclass(frozen=True)
class RecorderParams(CommonParams):
    folder: str = param('runs/default/bags', 'where the bags go', read_only=True)
    expect_expert: bool = param(
        False, 'an episode does not start without teleop/action', read_only=True
    )
    fresh_s: float = param(2.0, 'required topics seen this recently', low=0.1, read_only=True)
    reserve_mb: float = param(500.0, 'disk space that stays free', low=1.0, read_only=True)
    warn_min: float = param(10.0, 'warn below these minutes of disk', low=0.0, read_only=True)


class RecorderNode(IlNode):
    """Records every topic of the table that is marked so. Needs the single-threaded executor."""

    node_name = 'recorder'
    params_type = RecorderParams

    def setup(self) -> None:
        self.spec = self.load_spec()
        self.topics = {self.resolve_topic_name(t.name): t for t in self.wanted()}
        plan = [self.plan(name, topic) for name, topic in self.topics.items()]
        p = self.params
        settings = Settings(fresh_s=p.fresh_s, reserve_mb=p.reserve_mb, warn_min=p.warn_min)
        self.recorder = Recorder(Path(p.folder), plan, self.spec, settings)
        for line in self.recorder.recover():
            self.get_logger().warning(line)
        self.discarding = False
        self.waiting: list[tuple[int, Future]] = []
        self.ended: list[Future] = []
        self.events = self.publisher(EVENTS)
        self.taken = {name: self.listen(name, self.offered(name)) for name in self.topics}
        self.service(StartEpisode, 'episode/start', self.on_start)
        self.service(StopEpisode, 'episode/stop', self.on_stop)
        self.service(LabelEpisode, 'episode/label', self.on_label)
        self.service(Trigger, 'episode/discard', self.on_discard)
        self.service(Trigger, 'episode/undo', self.on_undo)

    def start(self) -> None:
        while self.recorder.recovered:  # the gate may still be in it, and drive unrecorded
            self.tell_end(self.recorder.recovered.pop(0))
        self.timer(UPDATE_S, self.update)
        self.timer(FOLLOW_S, self.follow_offers)

    def stop(self) -> None:
        if self.recorder.episode_id:
            self.recorder.stop(Outcome.ABORTED, 'the recorder was stopped', 0, self.steady_ns())
            self.tell_end(self.recorder.finish())

    def health(self) -> Health:
        now_ns = self.steady_ns()
        disk, state = self.recorder.disk(now_ns), self.recorder.state(now_ns)
        missing = ', '.join(self.recorder.missing(now_ns))
        values = {
            'episode': self.recorder.episode_id,
            'missing': missing,
            'free_mb': disk.free_bytes // 1_000_000,
            'minutes_left': disk.minutes_left,
            **self.recorder.lost(),
        }
        if disk.warn:
            return Health(Level.WARN, f'{disk.minutes_left:.0f} minutes of disk left', values)
        return Health(Level.OK, state.value, values)

    # Topics.

    def wanted(self) -> list[Topic]:
        return [t for t in topics(self.spec) if t.recorded]

    def plan(self, name: str, topic: Topic) -> Any:
        required = topic.required and not unwanted(topic.name, self.spec)
        required |= self.params.expect_expert and topic.name == 'teleop/action'
        reliable, latched, depth = topic.qos.value
        qos = Qos(reliable or self.lockstep, latched, depth)
        return recorded(topic.name, name, topic.type, qos, self.spec, required, self.lockstep)

    def offered(self, name: str) -> Any:
        fallback = profile(self.topics[name], self.lockstep)
        return offers.follow(offers.offers_of(self, name), fallback, DEPTH)

    def listen(self, name: str, qos: Any) -> Any:
        take = self.on_event if self.topics[name].name == EVENTS else self.on_message
        callback = functools.partial(take, name)
        return qos, self.subscribe(self.topics[name], callback, info=True, raw=True, qos=qos)

    def follow_offers(self) -> None:
        """Subscribe anew where publishers offer something else than was asked for."""
        for name, (asked, made) in list(self.taken.items()):
            found = offers.offers_of(self, name)
            offer = self.offered(name)
            self.recorder.note_offer(name, len(found), Qos(*offers.terms((found or [offer])[0])))
            if not offers.same(offer, asked):
                self.unsubscribe(made)
                self.taken[name] = self.listen(name, offer)

    def on_message(self, name: str, data: bytes, info: Any) -> None:
        arrival = Arrival(
            data,
            info['received_timestamp'],
            info['source_timestamp'],
            info['publication_sequence_number'] or 0,
        )
        self.recorder.arrive(name, arrival, self.steady_ns())

    def on_event(self, name: str, data: bytes, info: Any) -> None:
        """Record the event; an outcome that is not from before the start ends the episode."""
        if info['source_timestamp'] < self.recorder.start_ns:
            return
        self.on_message(name, data, info)
        event = event_from_msg(deserialize_message(data, EventMsg))
        if event.kind is EventKind.OUTCOME:
            self.end(event.outcome, event.detail, event.stamp_ns)

    # Episodes.

    def end(self, outcome: Outcome, reason: str, stamp_ns: int) -> None:
        if self.recorder.stop(outcome, reason, stamp_ns, self.steady_ns()):
            self.discarding = reason == DISCARD

    def update(self) -> None:
        now_ns = self.steady_ns()
        done = self.recorder.update(now_ns)
        if done is not None:
            self.tell_end(done)
        ready = self.recorder.state(now_ns) is State.READY
        for deadline_ns, future in list(self.waiting):
            if ready or now_ns >= deadline_ns:
                self.waiting.remove((deadline_ns, future))
                future.set_result(ready)

    def tell_end(self, done: Manifest) -> None:
        detail = '; '.join([done.verdict.value, *done.reasons])
        self.get_logger().info(f'{done.episode_id}: {done.outcome.name.lower()}, {detail}')
        self.tell(EventKind.ENDED, done.episode_id, done.seed, done.outcome, detail)
        if self.discarding:
            self.discarding = False
            self.tell(EventKind.DISCARDED, self.recorder.shelf.discard(done.episode_id))
        while self.ended:
            self.ended.pop().set_result(done)

    def tell(
        self,
        kind: EventKind,
        episode_id: str,
        seed: int = 0,
        outcome: Outcome = Outcome.UNKNOWN,
        detail: str = '',
    ) -> None:
        stamp_ns = self.now_ns()
        event = EpisodeEvent(stamp_ns, kind, episode_id, seed, outcome=outcome, detail=detail)
        self.events.publish(event_to_msg(event))

    # Services.

    async def on_start(self, request: Any, response: Any) -> Any:
        if self.recorder.state(self.steady_ns()) is not State.READY and request.wait_s > 0:
            future = Future(executor=self.executor)
            self.waiting.append((self.deadline_ns(request.wait_s), future))
            await future
        episode_id = self.recorder.start(
            request.seed, request.operator_name, time.time(), self.steady_ns()
        )
        self.follow_offers()
        self.tell(EventKind.STARTED, episode_id, request.seed)
        response.success, response.episode_id = True, episode_id
        return response

    async def on_stop(self, request: Any, response: Any) -> Any:
        self.recorder.require_running()
        future = Future(executor=self.executor)
        self.ended.append(future)
        self.end(Outcome(request.outcome), request.reason, self.now_ns())
        done = await future
        response.success, response.episode_id = True, done.episode_id
        response.verdict, response.message = done.verdict.value, '; '.join(done.reasons)
        return response

    def on_label(self, request: Any, response: Any) -> Any:
        outcome = Outcome(request.outcome)
        done = self.recorder.label(request.episode_id, outcome, request.reason)
        response.success = True
        response.message = f'{done.episode_id}: {done.outcome.name.lower()}'
        return response

    async def on_discard(self, request: Any, response: Any) -> Any:
        if self.recorder.episode_id:
            future = Future(executor=self.executor)
            self.ended.append(future)
            self.discarding = True
            self.recorder.stop(Outcome.ABORTED, DISCARD, self.now_ns(), self.steady_ns())
            response.message = (await future).episode_id
        else:
            response.message = self.recorder.shelf.discard('')
            self.tell(EventKind.DISCARDED, response.message)
        response.success = True
        return response

    def on_undo(self, request: Any, response: Any) -> Any:
        response.success, response.message = True, self.recorder.shelf.undo()
        self.tell(EventKind.RESTORED, response.message)
        return response

    def deadline_ns(self, wait_s: float) -> int:
        return self.steady_ns() + round(wait_s * NS_PER_S)


def main() -> None:
    run(RecorderNode, 'single')


if __name__ == '__main__':
    main()
