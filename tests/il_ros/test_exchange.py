"""Nodes of one process hand messages over; everybody else hears them on the wire."""

from __future__ import annotations

import time

import pytest
import rclpy
from interactive_il.msg import Command

from il_ros.exchange import WIRE, Exchange
from il_ros.topics import TOPICS, as_recorded

pytestmark = pytest.mark.ros
TOPIC = TOPICS['command']
OTHER = as_recorded(TOPIC, 'other_command')


@pytest.fixture
def room(executor):
    """An executor, and a function that makes nodes on it."""
    nodes = []

    def node(name):
        nodes.append(rclpy.create_node(name))
        executor.add_node(nodes[-1])
        return nodes[-1]

    yield executor, node
    executor.shutdown()
    for each in nodes:
        each.destroy_node()


def spin(executor, until, limit_s=10.0):
    end_s = time.monotonic() + limit_s
    while not until() and time.monotonic() < end_s:
        executor.spin_once(0.05)
    return until()


def said(tick):
    return Command(tick=tick, axes=['x'], action=[0.5])


def test_a_message_is_there_when_publish_returns_and_outsiders_hear_it_once(room):
    executor, node = room
    exchange, here, outside = Exchange(), [], []
    reader, writer, stranger = node('reader'), node('writer'), node('stranger')
    exchange.subscription(reader, TOPIC, here.append)
    publisher = exchange.publisher(writer, TOPIC)
    WIRE.subscription(stranger, TOPIC, outside.append)
    spin(executor, lambda: publisher.wire.get_subscription_count() == 1)
    message = said(7)
    publisher.publish(message)
    assert here == [message]
    assert here[0] is message
    assert spin(executor, lambda: len(outside) == 1)
    spin(executor, lambda: False, 0.3)
    assert [len(here), len(outside)] == [1, 1]


def test_callbacks_follow_one_another_and_never_run_inside_one_another(room):
    _, node = room
    exchange, order = Exchange(), []
    one = node('one')
    answers = exchange.publisher(one, OTHER)
    asks = exchange.publisher(one, TOPIC)

    def on_command(message):
        order.append(f'begin {message.tick}')
        answers.publish(message)
        order.append(f'end {message.tick}')

    exchange.subscription(one, TOPIC, on_command)
    exchange.subscription(one, OTHER, lambda m: order.append(f'heard {m.tick}'))
    with exchange.together():
        asks.publish(said(1))
        asks.publish(said(2))
        assert order == []
    assert order == ['begin 1', 'end 1', 'begin 2', 'end 2', 'heard 1', 'heard 2']


def test_a_reader_hears_the_wire_while_nobody_here_writes(room):
    executor, node = room
    exchange, here = Exchange(), []
    reader, writer, stranger = node('reader'), node('writer'), node('stranger')
    exchange.subscription(reader, TOPIC, lambda m: here.append(m.tick))
    outside = WIRE.publisher(stranger, TOPIC)
    spin(executor, lambda: outside.get_subscription_count() == 1)
    outside.publish(said(1))
    assert spin(executor, lambda: here == [1])

    publisher = exchange.publisher(writer, TOPIC)
    assert spin(executor, lambda: outside.get_subscription_count() == 0)
    outside.publish(said(2))
    publisher.publish(said(3))
    assert here == [1, 3]

    exchange.destroy_publisher(writer, publisher)
    assert spin(executor, lambda: outside.get_subscription_count() == 1)
    outside.publish(said(4))
    assert spin(executor, lambda: here == [1, 3, 4])


def test_what_a_callback_raises_reaches_who_published(room):
    _, node = room
    exchange, one = Exchange(), node('one')
    publisher = exchange.publisher(one, TOPIC)

    def fail(_):
        raise RuntimeError('broken')

    exchange.subscription(one, TOPIC, fail)
    with pytest.raises(RuntimeError, match='broken'):
        publisher.publish(said(1))
