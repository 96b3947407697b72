"""Retraining as a job: beside the running graph, which swaps to the result when the gate holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from interactive_il.msg import Job as Msg
from interactive_il.srv import CancelJob, StartJob

from il_core.errors import UserError
from il_core.types import NS_PER_S
from il_gating.api import GATES
from il_loop.findings import JobFindings
from il_loop.fits import ASKING, PROBED, PROBES
from il_loop.job import Job
from il_ros.build import to_time
from il_ros.health import Health
from il_ros.lifecycle import IlNode
from il_ros.params import CommonParams, param
from il_ros.run import run
from il_ros.swapping import GivenUp, Swapper

LOOK_S = 0.1
ENDED = (Msg.STATE_DONE, Msg.STATE_FAILED, Msg.STATE_CANCELLED)


@dataclass(frozen=True)
class JobsParams(CommonParams):
    """All of them hold for the next job."""

    run: str = param('runs/default', 'run folder whose bags are trained on', live=True)
    gate: str = param(
        'novelty', 'gate that collects, fitted where it can be', choices=GATES.names, live=True
    )
    alpha: float = param(
        0.0,
        "share of states on which the gate may ask; 0: the gate's own",
        low=0.0,
        high=1.0,
        live=True,
    )
    probes: int = param(
        PROBES,
        'in simulation: episodes of the policy alone, for critics',
        low=0,
        high=1000,
        live=True,
    )
    critic_steps: int = param(
        12_500, 'steps of training for each critic', low=1, high=10_000_000, live=True
    )
    epochs: float = param(200.0, 'passes over the labels', low=0.1, high=1e6, live=True)
    seed: int = param(0, 'seed of the training', low=0, high=2**31, live=True)
    swap: bool = param(True, 'let policy and gate run the result', live=True)
    swap_wait_s: float = param(
        600.0, 'how long to wait for the gate to hold', low=0.0, high=86400.0, live=True
    )


class JobsNode(IlNode):
    """One job at a time; `jobs` (latched) says how it goes."""

    node_name = 'jobs'
    params_type = JobsParams
    findings = JobFindings

    def setup(self) -> None:
        self.job: Job | None = None
        self.count, self.told = 0, Msg()
        self.jobs = self.publisher('jobs')
        self.swapper = Swapper(self)
        self.service(StartJob, 'jobs/train', self.on_train)
        self.service(CancelJob, 'jobs/cancel', self.on_cancel)

    def start(self) -> None:
        self.timer(LOOK_S, self.on_look)

    def stop(self) -> None:
        if self.job is not None:
            self.job.close()
            self.tell(Msg.STATE_CANCELLED, 'the node went down')
            self.job = None
        elif self.told.state == Msg.STATE_SWAPPING:
            self.swapper.given_up = True
            self.tell(Msg.STATE_CANCELLED, 'the node went down; trained, not swapped')

    def teardown(self) -> None:
        if hasattr(self, 'swapper'):
            self.swapper.close()
            del self.swapper

    def health(self) -> Health:
        values = {'job': self.told.job_id or 'none', 'progress': float(self.told.progress)}
        if not self.told.job_id:
            return Health.of(JobFindings.NONE(), values)
        failed = self.told.state == Msg.STATE_FAILED
        finding = JobFindings.FAILED if failed else JobFindings.FINE
        return Health.of(finding(job=self.told.job_id, message=self.told.message), values)

    def on_train(self, _: Any, response: Any) -> Any:
        if self.told.job_id and self.told.state not in ENDED:
            raise UserError('jobs/train', self.told.job_id, 'is running; jobs/cancel stops it')
        p = self.params
        settings = {'gate': p.gate, 'epochs': p.epochs, 'seed': p.seed}
        if p.gate in PROBED:
            settings |= {'probes': p.probes, 'critic-steps': p.critic_steps}
        if p.alpha and p.gate in ASKING:
            settings |= {'alpha': p.alpha}
        options = [f'--{name}={value}' for name, value in settings.items()]
        self.job = Job(['round', p.run, '--json', *options])
        self.count += 1
        self.told = Msg(job_id=job_id(self.now_ns(), self.count), kind='train')
        self.tell(Msg.STATE_RUNNING, f'a round of {p.run}')
        response.success, response.job_id = True, self.told.job_id
        return response

    def on_cancel(self, request: Any, response: Any) -> Any:
        running = self.told.job_id and self.told.state not in ENDED
        if not running or request.job_id not in ('', self.told.job_id):
            raise UserError('job_id', request.job_id, 'no such job is running', [self.told.job_id])
        if self.job is None:  # trained; the swap waits for the gate
            self.swapper.given_up = True
        else:
            self.job.cancel()
        response.success, response.message = True, f'{self.told.job_id} is interrupted'
        return response

    def on_look(self) -> None:
        if self.job is None:
            return
        ended = self.job.code is not None  # before the news, so that none is missed
        for news in self.job.news():
            self.told.progress = float(news.get('progress', self.told.progress))
            self.told.result = news.get('result', '')
            self.tell(Msg.STATE_RUNNING, news.get('message', self.told.message))
        if ended:
            job, self.job = self.job, None
            job.close()
            self.conclude(job)

    def conclude(self, job: Job) -> None:
        if job.cancelled:
            self.tell(Msg.STATE_CANCELLED, 'cancelled; the next training goes on from there')
        elif job.code != 0:
            self.tell(Msg.STATE_FAILED, job.complaint)
        elif self.params.swap:
            self.swapper.given_up = False
            self.tell(Msg.STATE_SWAPPING, self.told.message)
            self.executor.create_task(self.swap)
        else:
            self.tell(Msg.STATE_DONE, self.told.message)

    async def swap(self) -> None:
        trained = self.told
        try:
            done = await self.swapper.swap(Path(trained.result), self.params.swap_wait_s)
        except GivenUp:
            words = f'cancelled: trained, not swapped; `il swap {trained.result}` does that'
            said = Msg.STATE_CANCELLED, words
        except UserError as error:
            said = Msg.STATE_FAILED, f'trained, not swapped: {error}'
        else:
            said = Msg.STATE_DONE, f'{trained.message}; policy and gate run {done}'
        if self.told is trained and trained.state == Msg.STATE_SWAPPING:
            self.tell(*said)

    def tell(self, state: int, message: str) -> None:
        self.told.header.stamp = to_time(self.now_ns())
        self.told.state, self.told.message = state, message
        self.jobs.publish(self.told)
        if state in ENDED or state == Msg.STATE_SWAPPING:
            self.get_logger().info(f'{self.told.job_id}: {message}')


def job_id(now_ns: int, count: int) -> str:
    """Return a name that no job of an earlier node had."""
    began = datetime.fromtimestamp(now_ns / NS_PER_S, timezone.utc)
    return f'train_{began:%Y%m%dT%H%M%S}_{count}'


def main() -> None:
    run(JobsNode, 'single')


if __name__ == '__main__':
    main()
