"""The reader of a joystick without the device: what each event makes of the messages."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from il_teleop.device.core import SETTLE_NS, Reader, ReaderConfig, rumble_of
from il_teleop.device.events import (
    Added,
    AxisMoved,
    ButtonMoved,
    Device,
    HatMoved,
    Removed,
)

MS = 1_000_000
LEFT_Y, TRIGGER, RB = 1, 2, 5


def pad(instance: int = 0, name: str = 'Pad') -> Device:
    return Device(instance, name, (0.0, 0.0, -1.0), 11, 1)


class Bench:
    """A reader, looked at every `step_ms`, and all it said."""

    def __init__(self, *devices: Device, step_ms: int = 4, **config) -> None:
        self.reader = Reader(ReaderConfig(**config))
        self.now_ns, self.step_ns, self.said = 0, step_ms * MS, []
        self.times_ns: list[int] = []
        self.look(*map(Added, devices))

    def look(self, *events) -> list:
        self.now_ns += self.step_ns
        made = self.reader.update(events, self.now_ns, self.now_ns)
        self.said += made
        self.times_ns += [self.now_ns] * len(made)
        return list(made)

    def wait(self, ms: float) -> list:
        end_ns, count = self.now_ns + round(ms * MS), len(self.said)
        while self.now_ns < end_ns:
            self.look()
        return self.said[count:]

    def settle(self) -> Bench:
        self.wait(SETTLE_NS / MS)
        return self

    def presses(self, number: int) -> int:
        downs = [joy.buttons[number] for joy in self.said]
        return sum(now > then for then, now in zip([0, *downs], downs, strict=False))


def test_left_and_up_are_positive_and_a_hat_is_two_axes_after_the_others():
    bench = Bench(pad(), deadzone=0.0).settle()
    (joy,) = bench.look(AxisMoved(0, LEFT_Y, -1.0), HatMoved(0, 0, 1, 1))
    assert joy.axes == (0.0, 1.0, 1.0, -1.0, 1.0)
    (joy,) = bench.look(AxisMoved(0, LEFT_Y, 32767 / 32768), HatMoved(0, 0, -1, 0))
    assert joy.axes == (0.0, -1.0, 1.0, 1.0, 0.0), 'up ended though the hat is not centred'


@given(raw=st.integers(-32768, 32767), zone=st.floats(0.0, 0.99))
def test_the_dead_zone_is_joy_nodes(raw: int, zone: float):
    """As in its source: cut out, the rest stretched, turned round."""
    bench = Bench(pad(), deadzone=zone, coalesce_interval_ms=0).settle()
    bench.look(AxisMoved(0, 0, raw / 32768))
    value, cut = max(raw, -32767), 32767 * zone
    kept = value - cut if value > cut else value + cut if value < -cut else 0.0
    expected = kept * struct.unpack('f', struct.pack('f', -1.0 / (1.0 - zone) / 32767.0))[0]
    assert bench.reader.update([], bench.now_ns + 10**9)[0].axes[0] == pytest.approx(
        expected, abs=1e-6
    )


def test_a_press_between_two_looks_is_two_messages():
    bench = Bench(pad()).settle()
    made = bench.look(ButtonMoved(0, 3, True), ButtonMoved(0, 3, False))
    assert [joy.buttons[3] for joy in made] == [1, 0]


def test_sticky_buttons_toggle():
    bench = Bench(pad(), sticky_buttons=True).settle()
    made = [
        joy
        for _ in range(3)
        for down in (True, False)
        for joy in bench.look(ButtonMoved(0, 3, down))
    ]
    assert [joy.buttons[3] for joy in made] == [1, 0, 1]


@pytest.mark.parametrize('rate_hz', [20.0, 50.0, 100.0])
def test_autorepeat_keeps_its_rate_though_looks_come_between(rate_hz):
    bench = Bench(pad(), autorepeat_rate=rate_hz).settle()
    assert len(bench.wait(2000)) == pytest.approx(2 * rate_hz, abs=1)


def test_without_autorepeat_only_a_change_speaks():
    bench = Bench(pad(), autorepeat_rate=0.0).settle()
    assert bench.wait(1000) == []
    assert len(bench.look(ButtonMoved(0, 3, True))) == 1


def test_autorepeat_counts_from_the_last_message():
    bench = Bench(pad(), autorepeat_rate=20.0).settle()
    for _ in range(20):
        assert len(bench.look(AxisMoved(0, 0, len(bench.said) / 100 + 0.1))) == 1
        assert bench.wait(40) == []


@pytest.mark.parametrize(('interval_ms', 'messages'), [(0, 25), (1, 25), (20, 5)])
def test_axes_are_gathered_for_the_interval(interval_ms, messages):
    bench = Bench(pad(), coalesce_interval_ms=interval_ms, autorepeat_rate=0.0).settle()
    count = len(bench.said)
    for i in range(25):
        bench.look(AxisMoved(0, 0, 0.1 + i / 100), AxisMoved(0, 1, 0.1 + i / 100))
    assert len(bench.said) - count == messages


def test_a_button_does_not_wait_for_axes():
    bench = Bench(pad(), coalesce_interval_ms=500, autorepeat_rate=0.0).settle()
    assert bench.look(AxisMoved(0, 0, -0.5)) == []
    (joy,) = bench.look(ButtonMoved(0, 3, True))
    assert (joy.axes[0] > 0.4, joy.buttons[3]) == (True, 1)
    assert bench.wait(1000) == [], 'the axis was told with it'


def test_an_unplugged_joystick_says_nothing_and_comes_back_by_itself():
    bench = Bench(pad(), device_name='Pad').settle()
    bench.look(ButtonMoved(0, RB, True), AxisMoved(0, LEFT_Y, -1.0))
    # SDL lets go of everything before it says that the device is gone.
    gone = (AxisMoved(0, LEFT_Y, 0.0), ButtonMoved(0, RB, False), Removed(0))
    assert bench.look(*gone) == [], 'a dead-man that is let go means: the policy may drive'
    count = len(bench.said)
    assert bench.wait(5000) == []
    assert 'joystick Pad is unplugged: plug it in again' in bench.reader.fault
    bench.look(Added(pad(7)))
    bench.settle()
    assert bench.reader.fault == ''
    assert all(joy.axes[LEFT_Y] == 0 and not any(joy.buttons) for joy in bench.said[count:])
    assert len(bench.said) > count
    bench.look(ButtonMoved(7, RB, True))
    assert bench.said[-1].buttons[RB] == 1


@pytest.mark.parametrize('late', [False, True], ids=['known at once', 'told a little later'])
def test_a_button_that_is_down_when_it_comes_back_is_no_press(late):
    bench = Bench(pad()).settle()
    bench.look(Removed(0))
    if late:  # before its first report the driver says: no button, sticks at an end
        bench.look(Added(Device(1, 'Pad', (-1.0, -1.0, -1.0), 11, 1)))
        bench.look(ButtonMoved(1, RB, True), AxisMoved(1, 0, 0.0), AxisMoved(1, LEFT_Y, 0.0))
    else:
        bench.look(Added(pad(1)), ButtonMoved(1, RB, True))
    bench.settle()
    bench.wait(200)
    assert bench.presses(RB) == 0
    assert {joy.axes[:2] for joy in bench.said} == {(0.0, 0.0)}
    bench.look(ButtonMoved(1, RB, False))
    assert bench.presses(RB) == 0
    bench.look(ButtonMoved(1, RB, True))
    assert bench.presses(RB) == 1


def test_another_joystick_never_takes_the_place_of_the_lost_one():
    """Neither the one that moves up to its number, nor a new one of another kind."""
    bench = Bench(pad(0), pad(1), pad(2, 'Wheel')).settle()
    bench.look(Removed(0), ButtonMoved(1, RB, True), Added(pad(3, 'Wheel')))
    assert bench.wait(1000) == []
    bench.look(Added(pad(4)))
    bench.settle()
    bench.look(ButtonMoved(4, RB, True))
    assert bench.said[-1].buttons[RB] == 1


def test_a_name_wins_over_a_number_and_what_is_missing_is_said():
    bench = Bench(pad(0), device_id=0, device_name='Wheel')
    assert "no joystick 'Wheel' (there: 'Pad'): plug it in" in bench.reader.fault
    bench.look(Added(pad(1, 'Wheel')))
    assert bench.reader.device.name == 'Wheel'
    assert Bench(pad(0), pad(1, 'Wheel'), device_id=1).reader.device.name == 'Wheel'
    assert 'no joystick number 2 (there: none)' in Bench(device_id=2).reader.fault


def test_other_joysticks_are_not_heard():
    bench = Bench(pad(0), pad(1), autorepeat_rate=0.0).settle()
    assert bench.look(ButtonMoved(1, RB, True), AxisMoved(1, 0, 1.0)) == []


@pytest.mark.parametrize(
    ('feedback', 'intensity'),
    [
        ((1, 0, 0.5), 0.5),
        ((1, 0, 0.0), 0.0),
        ((0, 0, 0.5), None),
        ((1, 1, 0.5), None),
        ((1, 0, 1.5), None),
        ((1, 0, float('nan')), None),
    ],
)
def test_only_rumble_number_0_from_0_to_1_shakes(feedback, intensity):
    assert rumble_of(*feedback) == intensity
