"""`il call`: call a service of a running graph."""

from __future__ import annotations

import argparse
from typing import Any

from il_core.errors import UserError
from il_ros import environment
from il_ros.asking import asker, wait
from il_ros.namespaces import not_here
from il_ros.parting import parted
from il_ros.services import OUTCOMES, SERVICES, request

FIND_S = 5.0
ANSWER_S = 10.0


def main(argv: list[str]) -> int:
    """Call a service once and print its answer."""
    args = _parser().parse_args(argv)
    asked = request(args.service, dict(_field(text) for text in args.fields))
    answer = _call(args.service, asked, args.namespace, args.hosts)
    if not answer.success:
        raise UserError('service', args.service, f'refused: {answer.message}')
    print(answer.message or 'done')
    for name in answer.get_fields_and_field_types():
        if name not in ('success', 'message', 'stamp'):
            print(f'{name}: {getattr(answer, name)}')
    return parted(0)


def _call(name: str, asked: Any, namespace: str, hosts: str) -> Any:
    with asker('call', namespace, hosts) as (node, executor):
        client = node.create_client(SERVICES[name].kind, name)
        if not client.wait_for_service(FIND_S):
            raise not_here(node, name, name)
        limit_s = ANSWER_S + getattr(asked, 'wait_s', 0.0)
        future = client.call_async(asked)
        if not wait(executor, future.done, limit_s):
            rule = f'no answer within {limit_s:g} s; what it asked for may still happen'
            raise UserError('service', name, rule)
        return future.result()


def _field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals:
        raise UserError('field', text, 'must be NAME=VALUE')
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='il call',
        description='call a service of a running graph once',
        epilog='\n'.join(
            [
                'services:',
                *(f'  {_usage(name):<56}{SERVICES[name].words}' for name in SERVICES),
                '',
                f'outcomes: {", ".join(OUTCOMES)}',
                'example: il call episode/label outcome=failure reason="the ring slipped"',
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('service', help='name without namespace; see below')
    parser.add_argument('fields', nargs='*', metavar='NAME=VALUE', help='of its request')
    parser.add_argument('--namespace', default='', help='ROS namespace of the graph')
    parser.add_argument(
        '--hosts', choices=environment.HOSTS, default='one', help='as the graph was started with'
    )
    return parser


def _usage(name: str) -> str:
    needed = SERVICES[name].needed
    fields = (f'{f}=' if f in needed else f'[{f}=]' for f in SERVICES[name].fields())
    return ' '.join([name, *fields])
