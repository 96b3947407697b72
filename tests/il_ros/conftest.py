"""A ROS context per test."""

from __future__ import annotations

import signal

import pytest
import rclpy
from rclpy.experimental import EventsExecutor


@pytest.fixture
def context():
    rclpy.init()
    yield rclpy.get_default_context()
    rclpy.try_shutdown()


@pytest.fixture
def executor(context):
    return EventsExecutor()


@pytest.fixture
def at_a_terminal():
    """Let processes that are started hear when it closes, also where these tests run by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
