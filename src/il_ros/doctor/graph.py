"""Is what runs on this domain in order: everybody there once, active, heard, and one commander?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from il_ros import environment
from il_ros.doctor.api import Level, Result, Settings, fail, ok
from il_ros.doctor.probing import answer_of, run_python
from il_ros.states import wake

LIMIT_S = 15.0
Seen = Mapping[str, Any]
# How a reader asks for less than it lacks.
LESS = {'reliable': 'reliability:=best_effort', 'latched': 'durability:=volatile'}
# Published by the gate and by others, too.
SHARED = ('episode/events', 'diagnostics', 'rosout', 'parameter_events', 'transition_event')


def check(settings: Settings) -> Iterator[Result]:
    env = environment.of_children(hosts=settings.hosts)
    done = run_python(['-m', 'il_ros.doctor.graph_probe'], env, LIMIT_S)
    if done.code != 0:
        yield fail('graph', f'cannot be looked at: {done.complaint}', 'see the lines of install')
        return
    yield from judge(answer_of(done.out))


def judge(seen: Seen) -> Iterator[Result]:
    """Say what is wrong with what `graph_probe` saw."""
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    if not seen['nodes']:
        yield ok('nodes', f'nobody else on domain {domain}')
        return
    wrong = [result for look in LOOKS for result in look(seen)]
    if not wrong:
        names = ', '.join(sorted(set(seen['nodes'])))
        yield ok('nodes', f'{len(seen["nodes"])} on domain {domain}, all in order: {names}')
    yield from wrong


def _twice(seen: Seen) -> Iterator[Result]:
    for name, count in Counter(seen['nodes']).items():
        if count > 1:
            remedy = 'stop one of the two graphs, or give one another namespace or ROS_DOMAIN_ID'
            yield fail(name, f'{count} nodes of this name', remedy)


def _asleep(seen: Seen) -> Iterator[Result]:
    for name, state in seen['states'].items():
        if state != 'active':
            yield fail(name, f'is {state}', wake(state, name))


def _unwell(seen: Seen) -> Iterator[Result]:
    levels = {1: Level.WARN, 2: Level.FAIL}
    for name, (level, message) in seen['diagnostics'].items():
        if level in levels:
            cause, _, remedy = message.partition('; ')
            yield Result(name, levels[level], cause, remedy or 'see docs/reference/diagnostics.md')


def _rivals(seen: Seen) -> Iterator[Result]:
    """Two writers of what the gate writes: the robot would obey both."""
    for name, topic in seen['topics'].items():
        writers = [end['node'] for end in topic['publishers']]
        of_gate = any(node.endswith('/gate') for node in writers)
        if of_gate and len(writers) > 1 and not name.endswith(SHARED):
            others = ', '.join(sorted(set(writers)))
            yield fail(name, f'{len(writers)} writers: {others}', 'stop all of them but the gate')


def _types(seen: Seen) -> Iterator[Result]:
    for name, topic in seen['topics'].items():
        if len(topic['types']) > 1:
            finding = f'two types: {" and ".join(topic["types"])}'
            remedy = f'stop the wrong one: `ros2 topic info --verbose {name}` names it'
            yield fail(name, finding, remedy)


def _deaf(seen: Seen) -> Iterator[Result]:
    """A reader that asks for more than a writer offers gets nothing from it."""
    for name, topic in seen['topics'].items():
        for writer in topic['publishers']:
            for reader in topic['subscriptions']:
                lacks = [k for k in ('reliable', 'latched') if reader[k] and not writer[k]]
                if lacks:
                    finding = f'{reader["node"]} hears nothing of {writer["node"]}: it asks for '
                    finding += f'{" and ".join(lacks)}, which is not offered'
                    less = ' '.join(
                        f'-p qos_overrides.{name}.subscription.{LESS[k]}' for k in lacks
                    )
                    yield fail(name, finding, f'start {reader["node"]} with {less}')


def _timeless(seen: Seen) -> Iterator[Result]:
    """Simulated graphs in a namespace have their clock in it."""
    ticking = {n for n, t in seen['topics'].items() if n.endswith('/clock') and t['publishers']}
    clocks = {node: f'{node.rpartition("/")[0]}/clock' for node in seen['sim_time']}
    still = [node for node, clock in clocks.items() if not ticking & {clock, '/clock'}]
    if still:
        remedy = 'start the simulator, or start them with use_sim_time:=false'
        finding = f'nobody publishes it: time stands still for {", ".join(still)}'
        yield fail('/clock', finding, remedy)


LOOKS = (_twice, _asleep, _unwell, _rivals, _types, _deaf, _timeless)
