"""One end of a test of the transport, as a process: `say TOPIC COUNT`, or `hear TOPIC`.

The latency is from one steady clock of one machine. The reader reports when its stdin ends.
"""

from __future__ import annotations

import json
import select
import sys
import time
from array import array

import numpy as np
import rclpy
from rclpy.experimental import EventsExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from il_ros.build import to_ns, to_time
from il_ros.parting import let_go, parted

WIDTH, HEIGHT, RATE_HZ = 640, 480, 30.0
FIND_S = 4.0
SETTLE_S = 0.3  # the reader may find the writer a little later


def say(node: Node, topic: str, count: int) -> dict[str, float]:
    """Publish VGA images at 30 Hz once somebody listens. `found_s` is 0 where nobody does."""
    begun_s = time.monotonic()
    publisher = node.create_publisher(Image, topic, qos_profile_sensor_data)
    while not publisher.get_subscription_count() and time.monotonic() < begun_s + FIND_S:
        time.sleep(0.005)
    waited_s = time.monotonic() - begun_s
    if not publisher.get_subscription_count():
        return {'sent': 0, 'found_s': 0.0, 'waited_s': waited_s}
    image = Image(width=WIDTH, height=HEIGHT, step=3 * WIDTH, encoding='rgb8')
    image.data = array('B', bytes(3 * WIDTH * HEIGHT))
    time.sleep(SETTLE_S)
    next_s = time.monotonic()
    for _ in range(count):
        image.header.stamp = to_time(time.monotonic_ns())
        publisher.publish(image)
        next_s += 1 / RATE_HZ
        time.sleep(max(next_s - time.monotonic(), 0.0))
    return {'sent': count, 'found_s': waited_s, 'waited_s': waited_s}


def hear(node: Node, topic: str) -> dict[str, float]:
    """Count images until stdin ends."""
    late_s, executor = list[float](), EventsExecutor()
    executor.add_node(node)

    def take(image: Image) -> None:
        late_s.append((time.monotonic_ns() - to_ns(image.header.stamp)) * 1e-9)

    node.create_subscription(Image, topic, take, qos_profile_sensor_data)
    while not select.select([sys.stdin], [], [], 0)[0]:
        executor.spin_once(0.1)
    p50_ms = float(np.median(late_s)) * 1e3 if late_s else -1.0
    return {'arrived': len(late_s), 'latency_p50_ms': p50_ms}


def main() -> None:
    what, topic, *more = sys.argv[1:]
    rclpy.init()
    node = rclpy.create_node(f'il_doctor_{what}')
    done = say(node, topic, int(more[0])) if what == 'say' else hear(node, topic)
    sys.stdout.write('\n' + json.dumps(done))
    let_go([node])
    sys.exit(parted(0))


if __name__ == '__main__':
    main()
