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
    """Let processes that are started hear when it closes, and Ctrl-C, also where these tests run
    by nohup or in the background of a script."""
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    ctrl_c = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGHUP, hangup)
    signal.signal(signal.SIGINT, ctrl_c)
