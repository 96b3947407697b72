"""A ROS context per test."""

from __future__ import annotations

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
