"""The faults as data: in which mode, how to inject and undo, what it should lead to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any

from faults_stand import DEAD_MAN, Stand
from rosgraph_msgs.msg import Clock

from il_core.types import Cause, Mode
from il_ros import environment
from il_ros.build import to_time
from il_ros.topics import TOPICS, command_topic, create_publisher

STALE, JOY, FAULT = Cause.STALE_OBSERVATION, Cause.STALE_JOYSTICK, Cause.POLICY_FAULT
MISMATCH, END = Cause.CHECKPOINT_MISMATCH, Cause.EPISODE_END
Hands = Callable[[Stand], str | None]


def _nothing(stand: Stand) -> None:
    pass


@dataclass(frozen=True)
class Fault:
    """`inject` and `undo` may return a word on what happened. `causes`: of the HOLD that it must
    lead to; empty: nothing must change. `robot_stops`: the gate itself is gone, the robot's own
    time-out stops it. `lasts_s`: between inject and undo. `apart`: hits one node, which must
    have a process of its own."""

    name: str
    inject: Hands
    undo: Hands = _nothing
    causes: tuple[Cause, ...] = ()
    mode: Mode = Mode.AUTONOMOUS
    lasts_s: float = 0.8
    robot_stops: bool = False
    apart: bool = False


def kill(name: str) -> Hands:
    return lambda stand: stand.signal(name, signal.SIGKILL)


def stop(name: str) -> Hands:
    return lambda stand: stand.signal(name, signal.SIGSTOP)


def cont(name: str) -> Hands:
    return lambda stand: stand.signal(name, signal.SIGCONT)


def relay(topic: str, **settings: Any) -> Hands:
    def inject(stand: Stand) -> None:
        for key, value in settings.items():
            setattr(stand.relays[topic], key, value)

    return inject


def clear(topic: str) -> Hands:
    return lambda stand: stand.relays[topic].clear()


def _not_a_number(message: Any) -> Any:
    changed = type(message)(
        **{k: getattr(message, k) for k in message.get_fields_and_field_types()}
    )
    changed.mean = [float('nan')] * len(message.mean)
    return changed


def episode_over(stand: Stand) -> None:
    stand.spin(lambda: not stand.episode, 15.0)


# The joystick.


def unplug(stand: Stand) -> None:
    stand.joy_on = False


def plug_in(stand: Stand) -> None:
    stand.buttons[DEAD_MAN] = 0
    stand.joy_on = True


def flood(stand: Stand) -> None:
    for k in range(400):
        stand.later(k * 0.001, stand.send_joy)


def nonsense(stand: Stand) -> None:
    stand.joy_on = False
    for k in range(16):
        axes = [float('nan')] * 4 if k % 2 else [1.0]
        stand.later(k * 0.05, lambda axes=axes: stand.send_joy(axes))


# The clock, other writers, the disk, checkpoints.


def clock_jump(offset_s: float) -> Hands:
    def inject(stand: Stand) -> None:
        out = create_publisher(stand.node, TOPICS['/clock'])
        listeners = stand.node.count_subscribers('/clock')
        # A jump that nobody has heard is no fault.
        stand.spin(lambda: out.get_subscription_count() >= listeners, 1.0)
        state = stand.state
        now_ns = (state.stamp_ns if state else time.time_ns()) + round(offset_s * 1e9)
        # The simulator's clock goes on beside: at larger steps 3 of 80 jumps fell between ticks.
        for k in range(100):
            stand.later(k * 0.002, lambda k=k: out.publish(_clock(now_ns + k * 2_000_000)))
        stand.later(0.6, lambda: stand.node.destroy_publisher(out))

    return inject


def _clock(stamp_ns: int) -> Clock:
    return Clock(clock=to_time(stamp_ns))


def rogue(stand: Stand) -> None:
    stand.rogue = create_publisher(stand.node, command_topic(stand.spec.robot.commands[0]))


def no_rogue(stand: Stand) -> None:
    stand.node.destroy_publisher(stand.rogue)


def second_gate(stand: Stand) -> None:
    gate = next(n for n in stand.nodes if n.name == 'gate')
    stand.second = subprocess.Popen(
        [sys.executable, '-m', gate.module, *gate.ros_args()],
        env=environment.of_children(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stand.spin(lambda: stand.second.poll() is not None, 8.0)


def no_second_gate(stand: Stand) -> str:
    if stand.second.poll() is None:
        stand.second.kill()
        return 'the second gate was still running'
    said = stand.second.communicate()[0]
    return 'refused' if 'writers of the command' in said else f'said {said[-200:]}'


def write_limit(stand: Stand) -> None:
    """No file of the recorder may grow: write() fails as it does where the disk is full."""
    prlimit(stand.process('recorder').pid, RLIMIT_FSIZE, (4096, RLIM_INFINITY))


def no_write_limit(stand: Stand) -> None:
    process = stand.process('recorder')
    if process.poll() is None:
        prlimit(process.pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))


def fill_disk(stand: Stand) -> None:
    """Leave less than the reserve on the disk of the bags."""
    free = shutil.disk_usage(stand.bags).free
    with (stand.bags.parent / 'ballast').open('wb') as file:
        os.posix_fallocate(file.fileno(), 0, max(free - 2_000_000, 1))


def empty_disk(stand: Stand) -> None:
    (stand.bags.parent / 'ballast').unlink(missing_ok=True)


def read_only(stand: Stand) -> str:
    """The disk turns read-only between two episodes: no episode starts, and it is said why."""
    stand.end_episode()
    where = str(stand.bags.parent)
    if subprocess.run(['mount', '-o', 'remount,ro', where], check=False).returncode:
        return 'could not remount'
    answer = stand.call('episode/start', 4.0, seed=1, wait_s=3.0)
    if answer is None:
        return 'no answer to episode/start'
    return 'started on a read-only disk' if answer.success else f'refused: {answer.message[-60:]}'


def writable(stand: Stand) -> None:
    subprocess.run(['mount', '-o', 'remount,rw', str(stand.bags.parent)], check=False)


def corrupt_checkpoint(stand: Stand) -> str:
    """Half of a checkpoint's graph is missing when policy and gate are told to prepare it."""
    bad = stand.folder / f'bad_{time.monotonic_ns()}'
    shutil.copytree(stand.checkpoints[1], bad)
    path = bad / 'policy.onnx'
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = [stand.call(f'{n}/prepare', checkpoint=str(bad)) for n in ('policy', 'gate')]
    shutil.rmtree(bad)
    words = ['no answer' if a is None else 'taken' if a.success else 'refused' for a in said]
    return ' and '.join(words)


def other_policy(stand: Stand) -> str:
    """The policy runs another checkpoint than the gate was fitted for."""
    done = stand.call('policy/prepare', checkpoint=str(Path(stand.checkpoints[1])))
    done = done and done.success and stand.call('policy/commit')
    return 'committed' if done and done.success else 'not committed'


def same_policy(stand: Stand) -> None:
    stand.call('policy/rollback')


HUMAN = Mode.SUPERVISOR
FAULTS = {
    fault.name: fault
    for fault in (
        Fault('kill_gate', kill('gate'), causes=(Cause.START,), robot_stops=True, apart=True),
        Fault('kill_policy', kill('policy'), causes=(STALE,), apart=True),
        Fault('kill_sim', kill('sim'), causes=(STALE, FAULT), apart=True),
        Fault('kill_recorder', kill('recorder'), episode_over, (END,), lasts_s=0.3, apart=True),
        Fault('kill_teleop', kill('teleop'), causes=(JOY,), mode=HUMAN, apart=True),
        Fault('stop_gate', stop('gate'), cont('gate'), robot_stops=True),
        Fault('stop_policy', stop('policy'), cont('policy'), (STALE,), apart=True),
        Fault('stop_recorder', stop('recorder'), cont('recorder'), apart=True),
        Fault('stop_teleop', stop('teleop'), cont('teleop'), (JOY,), HUMAN, apart=True),
        Fault(
            'lose_proposals',
            relay('policy/proposal', copies=0),
            clear('policy/proposal'),
            (STALE,),
        ),
        Fault('lose_observations', relay('ee_pose', copies=0), clear('ee_pose'), (STALE, FAULT)),
        Fault(
            'lose_human', relay('teleop/action', copies=0), clear('teleop/action'), (JOY,), HUMAN
        ),
        Fault(
            'delay_proposals',
            relay('policy/proposal', delay_s=0.5),
            clear('policy/proposal'),
            (STALE,),
            lasts_s=1.2,
        ),
        Fault(
            'delay_observations', relay('ee_pose', delay_s=0.5), clear('ee_pose'), (STALE, FAULT)
        ),
        Fault('double_proposals', relay('policy/proposal', copies=2), clear('policy/proposal')),
        Fault(
            'double_human', relay('teleop/action', copies=3), clear('teleop/action'), mode=HUMAN
        ),
        Fault(
            'not_a_number',
            relay('policy/proposal', change=_not_a_number),
            clear('policy/proposal'),
            (FAULT,),
        ),
        Fault('joystick_flood', flood, mode=HUMAN),
        Fault('joystick_unplugged', unplug, plug_in, (JOY,), HUMAN),
        Fault('joystick_nonsense', nonsense, plug_in, (JOY,), HUMAN, lasts_s=1.0),
        Fault('second_gate', second_gate, no_second_gate, lasts_s=0.3),
        Fault('rogue_writer', rogue, no_rogue, (Cause.RIVAL,)),
        Fault('clock_forward', clock_jump(60.0), causes=(STALE,)),
        Fault('clock_back', clock_jump(-60.0)),
        Fault('disk_write_fails', write_limit, no_write_limit, (END,), lasts_s=1.2, apart=True),
        Fault('disk_full', fill_disk, empty_disk, (END,), lasts_s=1.8),
        Fault('disk_read_only', read_only, writable, (END,), lasts_s=0.2),
        Fault('checkpoint_corrupt', corrupt_checkpoint, lasts_s=0.3),
        Fault('checkpoint_mismatch', other_policy, same_policy, (MISMATCH, STALE)),
    )
}
