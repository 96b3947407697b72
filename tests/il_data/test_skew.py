"""A joystick on another computer, whose clock is off: what is lost of its labels is said."""

from __future__ import annotations

import pytest

from il_core import cli
from il_core.types import Owner
from il_data.manifest import FILE, Verdict
from il_data.read import read_episodes
from il_data.repair import repair
from tests.il_data.fake import Rig
from tests.toy import toy_spec

REAL = toy_spec(real=True, command_timeout_enforced_by='its driver')


def recorded(folder, behind_s, spec=REAL):
    rig = Rig(folder, spec=spec, human_behind_ns=round(behind_s * 1e9))
    return rig.episode(human=range(10, 20))


@pytest.mark.parametrize(
    ('behind_s', 'kept', 'says'),
    [
        (0.0, True, ''),
        (0.02, True, ''),
        (0.05, True, '0.050 s behind'),
        (0.5, False, '0.500 s behind'),
        (-0.05, True, ''),
        (-0.5, False, '0.500 s ahead of'),
    ],
)
def test_a_clock_that_is_off_is_named_with_the_offset_and_what_to_do(
    tmp_path, capsys, behind_s, kept, says
):
    done = recorded(tmp_path, behind_s)
    assert done.verdict is (Verdict.SUSPECT if says else Verdict.OK)
    (episode,) = read_episodes(tmp_path)
    known = episode.steps['engaged'] & (episode.owners == Owner.HUMAN)
    assert bool(known.any()) is kept
    for text in (*done.reasons, *([_checked(tmp_path, capsys)] if says else [])):
        assert f'/teleop/action: stamped {says} /command: its labels are lost' in text
        assert 'synchronise the clocks of these computers (chrony)' in text


def _checked(folder, capsys):
    cli.main(['bags', 'check', str(folder)])
    return ' '.join(capsys.readouterr().out.split())


def test_it_is_named_of_a_recording_that_was_cut_off_too(tmp_path):
    bag = tmp_path / recorded(tmp_path, 0.5).episode_id
    (bag / FILE).unlink()
    assert any('stamped 0.500 s behind' in line for line in repair(bag).reasons)


def test_a_simulation_has_one_clock_and_is_not_judged(tmp_path):
    assert recorded(tmp_path, 0.5, toy_spec()).verdict is Verdict.OK
