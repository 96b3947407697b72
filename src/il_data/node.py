"""The recorder as a node: raw subscriptions to everything, one bag per episode."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interactive_il.msg import EpisodeEvent as EventMsg
from interactive_il.srv import LabelEpisode, StartEpisode, StopEpisode
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from std_srvs.srv import Trigger

from il_core.errors import UserError
from il_core.structure import member
from il_core.types import DISCARD, EpisodeEvent, EventKind, Outcome
from il_data.bag import Arrival, Qos
from il_data.findings import RecorderFindings, facts, found
from il_data.manifest import Manifest
from il_data.plan import EVENTS, deadline, recorded, unwanted
from il_data.record import Recorder
from il_data.recording import Settings, State
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.messages import event_from_msg, event_to_msg
from il_ros.params import CommonParams, param
from il_ros.queues import Queues
from il_ros.run import run
from il_ros.topics import Topic, topics

DEPTH = 1000
UPDATE_S = 0.01
FOLLOW_S = 0.5


@dataclass(frozen=True)
class RecorderParams(CommonParams):
    folder: str = param('runs/default/bags', 'where the bags go')
    expect_expert: bool = param(False, 'an episode does not start without teleop/action')
    fresh_s: float = param(2.0, 'required topics seen this recently', low=0.1, live=True)
    reserve_mb: float = param(500.0, 'disk space that stays free', low=1.0, live=True)
    warn_min: float = param(10.0, 'warn below these minutes of disk', low=0.0, live=True)

    def settings(self) -> Settings:
        return Settings(fresh_s=self.fresh_s, reserve_mb=self.reserve_mb, warn_min=self.warn_min)


class RecorderNode(IlNode):
    """Records every topic of the table that is marked so. Needs the single-threaded executor."""

    node_name = 'recorder'
    params_type = RecorderParams
    findings = RecorderFindings

    def setup(self) -> None:
        self.spec = self.load_spec()
        wanted = [t for t in topics(self.spec) if t.recorded]
        self.topics = {self.resolve_topic_name(t.name): t for t in wanted}
        plan = [self.plan(name, topic) for name, topic in self.topics.items()]
        folder, settings = Path(self.params.folder), self.params.settings()
        self.recorder = Recorder(folder, plan, self.spec, settings)
        for line in self.recorder.recover():
            self.get_logger().warning(line)
        self.discarding, self.not_discarded = False, ''
        self.waiting: list[tuple[int, Future]] = []
        self.ended: list[Future] = []
        self.events = self.publisher(EVENTS)
        self.service(StartEpisode, 'episode/start', self.on_start)
        self.service(StopEpisode, 'episode/stop', self.on_stop)
        self.service(LabelEpisode, 'episode/label', self.on_label)
        self.service(Trigger, 'episode/discard', self.on_discard)
        self.service(Trigger, 'episode/undo', self.on_undo)

    def params_changed(self) -> None:
        self.recorder.configure(self.params.settings())

    def start(self) -> None:
        self.queues = Queues(self, self.topics, DEPTH)
        while self.recorder.recovered:  # the gate may still be in it, and drive unrecorded
            self.tell_end(self.recorder.recovered.pop(0))
        self.timer(UPDATE_S, self.update)
        self.timer(FOLLOW_S, self.follow_offers)

    def stop(self) -> None:
        self.drain()
        if self.recorder.episode_id:
            self.recorder.stop(Outcome.ABORTED, 'the recorder was stopped', 0, self.steady_ns())
            self.tell_end(self.recorder.finish())
        self.queues.close()

    def health(self) -> Health:
        now_ns = self.steady_ns()
        return Health.of(found(self.recorder, now_ns), facts(self.recorder, now_ns))

    def plan(self, name: str, topic: Topic) -> Any:
        required = topic.required and not unwanted(topic.name, self.spec)
        required |= self.params.expect_expert and topic.name == 'teleop/action'
        reliable, latched, depth = topic.qos.value
        qos = Qos(reliable or self.lockstep, latched, depth)
        return recorded(topic.name, name, topic.type, qos, self.spec, required, self.lockstep)

    def drain(self) -> None:
        """Take in everything that waits in the queues."""
        for name, data, info in self.queues.drain():
            self.take(name, data, info)

    def follow_offers(self) -> None:
        """Subscribe anew where publishers offer something else than was asked for."""
        for offer in self.queues.offers():
            self.recorder.note_offer(offer.name, offer.publishers, Qos(*offer.terms))
        for outdated in self.queues.outdated():
            for name, data, info in self.queues.renew(outdated):
                self.take(name, data, info)

    def take(self, name: str, data: bytes, info: Any) -> None:
        if self.topics[name].name == EVENTS:
            self.on_event(name, data, info)
        else:
            self.on_message(name, data, info)

    def on_message(self, name: str, data: bytes, info: Any) -> None:
        stamps = info['received_timestamp'], info['source_timestamp']
        number = info['publication_sequence_number'] or 0
        self.recorder.arrive(name, Arrival(data, *stamps, number), self.steady_ns())

    def on_event(self, name: str, data: bytes, info: Any) -> None:
        """Record the event; an outcome that is not from before the start ends the episode."""
        if info['source_timestamp'] < self.recorder.start_ns:
            return
        self.on_message(name, data, info)
        try:
            event = event_from_msg(deserialize_message(data, EventMsg))
            if event.kind is EventKind.OUTCOME:
                self.end(event.outcome, event.detail, event.stamp_ns)
        except UserError as error:  # what waits behind it in the queue is to be recorded
            self.complain(error)

    def ready(self) -> bool:
        """Without time (no /clock yet) nobody could tell that the start is a new one."""
        return self.recorder.state(self.steady_ns()) is State.READY and self.now_ns() > 0

    def end(self, outcome: Outcome, reason: str, stamp_ns: int) -> None:
        if self.recorder.stop(outcome, reason, stamp_ns, self.steady_ns()):
            self.discarding = reason == DISCARD

    def update(self) -> None:
        self.drain()
        now_ns = self.steady_ns()
        done = self.recorder.update(now_ns)
        if done is not None:
            self.tell_end(done)
        ready = self.ready()
        for deadline_ns, future in list(self.waiting):
            if ready or now_ns >= deadline_ns:
                self.waiting.remove((deadline_ns, future))
                future.set_result(ready)

    def tell_end(self, done: Manifest) -> None:
        """Publish how an episode ended. ENDED is the last word: who waits for it knows then
        whether the episode was discarded."""
        detail = '; '.join([done.verdict.value, *done.reasons])
        self.get_logger().info(f'{done.episode_id}: {done.outcome.name.lower()}, {detail}')
        self.not_discarded = ''
        if self.discarding:
            self.discarding = False
            try:
                self.tell(EventKind.DISCARDED, self.recorder.shelf.discard(done.episode_id))
            except UserError as error:  # it ended all the same
                self.not_discarded = str(error)
                self.complain(UserError('discard of', done.episode_id, f'failed: {error}'))
        self.tell(EventKind.ENDED, done.episode_id, done.seed, done.outcome, detail)
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

    async def on_start(self, request: Any, response: Any) -> Any:
        deadline_ns = deadline(request.wait_s, self.steady_ns())
        if not self.ready() and request.wait_s > 0:
            future = Future(executor=self.executor)
            self.waiting.append((deadline_ns, future))
            await future
        self.drain()  # what came before the start is not of the episode
        episode_id = self.recorder.start(
            request.seed, request.operator_name, time.time(), self.steady_ns()
        )
        self.follow_offers()
        self.tell(EventKind.STARTED, episode_id, request.seed)
        response.success, response.episode_id = True, episode_id
        return response

    async def on_stop(self, request: Any, response: Any) -> Any:
        self.recorder.require_running()
        outcome = member(Outcome, request.outcome, 'outcome')
        future = Future(executor=self.executor)
        self.ended.append(future)
        self.end(outcome, request.reason, self.now_ns())
        done = await future
        response.success, response.episode_id = True, done.episode_id
        response.verdict, response.message = done.verdict.value, '; '.join(done.reasons)
        return response

    def on_label(self, request: Any, response: Any) -> Any:
        outcome = member(Outcome, request.outcome, 'outcome')
        episode_id = self.recorder.label(request.episode_id, outcome, request.reason)
        response.success = True
        response.message = f'{episode_id}: {outcome.name.lower()}'
        return response

    async def on_discard(self, request: Any, response: Any) -> Any:
        if self.recorder.episode_id:
            future = Future(executor=self.executor)
            self.ended.append(future)
            self.discarding = True
            self.recorder.stop(Outcome.ABORTED, DISCARD, self.now_ns(), self.steady_ns())
            response.message = (await future).episode_id
            if self.not_discarded:
                raise UserError('discard of', response.message, f'failed: {self.not_discarded}')
        else:
            response.message = self.recorder.shelf.discard('')
            self.tell(EventKind.DISCARDED, response.message)
        response.success = True
        return response

    def on_undo(self, request: Any, response: Any) -> Any:
        response.success, response.message = True, self.recorder.shelf.undo()
        self.tell(EventKind.RESTORED, response.message)
        return response


def main() -> None:
    run(RecorderNode, 'single')


if __name__ == '__main__':
    main()
