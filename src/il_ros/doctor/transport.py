"""Do messages arrive, images above all, with the transport profile and without it?"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from il_ros import environment
from il_ros.doctor.api import Level, Result, Settings, fail, ok, warn
from il_ros.doctor.probing import answer_of, last_line, start_python
from il_ros.environment import PROFILES

PROBE = ('-m', 'il_ros.doctor.image_probe')
SHM = Path('/dev/shm')
LOCK = re.compile(r'fastrtps_([0-9a-f]{16}|port\d+)_[es]l')
SHM_MB = 64
COUNT = 45  # images of 640x480x3 at 30 Hz
ENOUGH = 0.95
LIMIT_S = 8.0
MULTICAST = '239.255.0.1'


def check(settings: Settings) -> Iterator[Result]:
    yield domain()
    yield profile()
    yield from shared_memory()
    yield _multicast()
    yield from _images()


def domain() -> Result:
    """Look at the variables of discovery."""
    value = os.environ.get('ROS_DOMAIN_ID', '')
    remedy = '`export ROS_DOMAIN_ID=` a number from 0 to 232, the same for all of one robot'
    if value and not (value.isascii() and value.isdigit() and int(value) <= 232):
        return fail('ROS_DOMAIN_ID', f'{value!r}: no node starts', remedy)
    if os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '').upper() == 'OFF':
        finding = 'ROS_AUTOMATIC_DISCOVERY_RANGE=OFF: no node finds another'
        return fail('discovery', finding, '`unset ROS_AUTOMATIC_DISCOVERY_RANGE`')
    return ok('ROS_DOMAIN_ID', value or '0 (not set: shared with everybody on this network)')


def profile() -> Result:
    """Look at the transport profile that nodes will use."""
    given = next((os.environ[name] for name in PROFILES if os.environ.get(name)), '')
    path = Path(given or environment.transport(images=True).get(PROFILES[0], ''))
    remedy = f'`unset {" ".join(PROFILES)}`: then `il run` and the launch files set a good one'
    if not path.is_file():
        return fail('profile', f'{path}: no such file; Fast DDS goes on without', remedy)
    try:
        tags = {element.tag.rpartition('}')[2] for element in ET.parse(path).iter()}
    except ET.ParseError as error:
        return fail('profile', f'{path} is not XML: {error}', remedy)
    if 'participant' not in tags:
        return fail('profile', f'{path} holds no participant: it changes nothing', remedy)
    by = 'set by the user' if given else 'set by `il run` and the launch files'
    return ok('profile', f'{path}, {by}')


def shared_memory() -> Iterator[Result]:
    """Look at the space in /dev/shm, and at what killed processes left there."""
    free_mb = shutil.disk_usage(SHM).free / 1e6 if SHM.is_dir() else 0.0
    if free_mb < SHM_MB:
        remedy = 'give it more: `mount -o remount,size=512M /dev/shm`, or docker --shm-size=512m'
        yield fail('shared memory', f'{free_mb:.0f} MB free in {SHM}', remedy)
    else:
        yield ok('shared memory', f'{free_mb:.0f} MB free in {SHM}')
    if left := abandoned():
        finding = f'{len(left)} of dead processes, {left[0]} first'
        yield warn('leftovers', finding, '`fastdds shm clean` removes them; nothing alive is hurt')
    else:
        yield ok('leftovers', f'no segment of a dead process in {SHM}')


def abandoned() -> list[str]:
    """Return the lock files of segments and ports whose owners live no more."""
    locks = [path for path in sorted(SHM.glob('fastrtps_*')) if LOCK.fullmatch(path.name)]
    return [path.name for path in locks if _free(path)]


def _free(path: Path) -> bool:
    """True where nobody holds a lock."""
    try:
        with path.open('rb') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _multicast() -> Result:
    """Send a datagram to the group of discovery and wait for it to come back."""
    remedy = 'open UDP multicast in the firewall; within this host nodes use 127.0.0.1 anyway'
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
            inbox.bind(('', 0))
            group = struct.pack('4s4s', socket.inet_aton(MULTICAST), socket.inet_aton('0.0.0.0'))
            inbox.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            inbox.settimeout(1.0)
            begun_s = time.perf_counter()
            inbox.sendto(b'il doctor', (MULTICAST, inbox.getsockname()[1]))
            inbox.recv(16)
    except OSError as error:
        return warn('multicast', f'{MULTICAST} does not come back: {error}', remedy)
    took_ms = (time.perf_counter() - begun_s) * 1e3
    return ok('multicast', f'{MULTICAST} comes back in {took_ms:.1f} ms')


def _images() -> Iterator[Result]:
    ours = environment.of_children(images=True)
    plain = {name: value for name, value in ours.items() if name not in PROFILES}
    names, profile = ' and '.join(PROFILES), environment.profile(images=True)
    start = f'start who sends images with {names} set to {profile}'
    cases = (
        ('VGA with the profile', ours, ours, Level.FAIL, busy()),
        ('VGA without the profile', plain, plain, Level.WARN, start),
        ('VGA, only the reader with it', plain, ours, Level.WARN, start),
    )
    for what, writer, reader, bad, remedy in cases:
        result = _pair(what, writer, reader, bad, remedy)
        if result.level is bad is Level.FAIL:  # one miss may be chance
            result = _pair(what, writer, reader, bad, remedy)
        yield result


def busy() -> str:
    """Return what to do where images are lost although the profile is there."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > cores:
        return f'the machine is busy (load {load:.1f} on {cores} cores): stop what else runs here'
    return 'put right what the lines above say; else send fewer or smaller images'


def _pair(
    what: str, writer: Mapping[str, str], reader: Mapping[str, str], bad: Level, remedy: str
) -> Result:
    """Send images from one process to another and judge what arrives."""
    topic = f'il_doctor/image_{os.getpid()}_{what.count(" ")}'
    hears = start_python([*PROBE, 'hear', topic], reader)
    said = start_python([*PROBE, 'say', topic, str(COUNT)], writer)
    try:
        out, _ = said.communicate(timeout=LIMIT_S)
        time.sleep(0.3)
        heard, _ = hears.communicate(timeout=LIMIT_S)  # its stdin ends: it reports
        sent, got = answer_of(out), answer_of(heard)
    except (ValueError, OSError, subprocess.TimeoutExpired) as error:
        for process in (said, hears):
            process.kill()
        texts = [last_line(process.communicate()[1]) for process in (said, hears)]
        if isinstance(error, subprocess.TimeoutExpired):
            return Result(what, bad, f'no answer within {LIMIT_S:g} s', busy())
        return Result(what, Level.FAIL, f'no answer: {"; ".join(texts)}', remedy)
    return _judged(what, sent, got, bad, remedy)


def _judged(
    what: str, sent: Mapping[str, Any], got: Mapping[str, Any], bad: Level, remedy: str
) -> Result:
    count, latency_ms = got['arrived'], got['latency_p50_ms']
    if not sent['found_s']:
        finding = f'reader and writer did not find each other in {sent["waited_s"]:.1f} s'
        return Result(what, Level.FAIL, finding, remedy)
    pace = f'p50 {latency_ms:.1f} ms' if count else 'no latency to tell'
    finding = f'{count} of {sent["sent"]} arrive, {pace}, found in {sent["found_s"]:.2f} s'
    if count < ENOUGH * sent['sent']:
        return Result(what, bad, finding, remedy)
    return ok(what, finding)
