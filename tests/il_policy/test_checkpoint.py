"""A checkpoint is whole and for this spec, or it is refused with the reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.spec import Spec, TaskSpec
from il_policy.checkpoint import extend, load, writing
from tests.il_policy.made import make_checkpoint
from tests.toy import toy_spec


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / 'checkpoint', toy_spec())


def test_what_was_written_is_what_is_loaded(saved: Path) -> None:
    loaded = load(saved, toy_spec())
    assert loaded.policy.spec.hash == toy_spec().hash
    assert loaded.policy.axes == ('x', 'y', 'gripper')
    expected = loaded.policy.net.initial(np.random.default_rng(0))
    for name, weight in loaded.weights().items():
        np.testing.assert_array_equal(weight, expected[name])
    assert {p.name for p in saved.parent.iterdir()} == {'checkpoint'}


def test_the_id_is_of_names_and_contents(saved: Path, tmp_path: Path) -> None:
    again = make_checkpoint(tmp_path / 'elsewhere', toy_spec())
    assert load(again).id == load(saved).id
    with_gate = extend(saved, tmp_path / 'gated', {'gate.json': b'{}'})
    renamed = extend(saved, tmp_path / 'renamed', {'other.json': b'{}'})
    assert len({load(saved).id, with_gate.id, renamed.id}) == 3
    assert with_gate.read('gate.json') == b'{}'
    assert with_gate.read('policy.onnx') == load(saved).read('policy.onnx')


def test_another_spec_is_refused_field_by_field(saved: Path) -> None:
    toy = toy_spec()
    other = Spec(toy.robot, TaskSpec('toy_reach', 'toy', 3.0, streams=toy.task.streams))
    with pytest.raises(UserError, match=r'task\.horizon_s: 2\.0 -> 3\.0'):
        load(saved, other)


@pytest.mark.parametrize(
    'name', ['policy.json', 'policy.onnx', 'weights.safetensors', 'files.json']
)
@pytest.mark.parametrize('harm', ['missing', 'cut', 'changed'])
def test_a_harmed_file_is_named(saved: Path, name: str, harm: str) -> None:
    content = (saved / name).read_bytes()
    (saved / name).unlink()
    if harm == 'cut':
        (saved / name).write_bytes(content[: len(content) // 2])
    if harm == 'changed':
        (saved / name).write_bytes(content[:-9] + b'?' + content[-8:])
    with pytest.raises(UserError, match='file' if name == 'files.json' else name):
        load(saved)


def test_no_folder_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='il train'):
        load(tmp_path / 'nothing')


def test_a_file_it_never_had_is_not_read(saved: Path) -> None:
    (saved / 'gate.json').write_text('{}')
    with pytest.raises(UserError, match=r'policy\.onnx'):
        load(saved).read('gate.json')


def test_the_folder_of_a_run_or_a_round_is_told_what_it_holds(tmp_path: Path) -> None:
    """Not that it is broken."""
    made = [tmp_path / f'round_{n}' / 'checkpoint' for n in (10, 9)]
    for path in made:
        make_checkpoint(path, toy_spec())
    with pytest.raises(UserError, match=rf'holds none; choices: {made[0]} \(did you mean'):
        load(tmp_path / 'round_10')
    with pytest.raises(UserError, match=f'holds none; choices: {made[1]}, {made[0]}'):
        load(tmp_path)
    (tmp_path / 'bags').mkdir()
    with pytest.raises(UserError, match=r'bags.: holds none$'):
        load(tmp_path / 'bags')


def test_it_is_never_changed(saved: Path) -> None:
    with pytest.raises(UserError, match='never changed'), writing(saved):
        pytest.fail('writing() gave a folder for a checkpoint that exists')


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with writing(tmp_path / 'checkpoint') as tmp:
            (tmp / 'policy.json').write_text('{')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_elsewhere_has_the_same_id(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / 'deep' / 'copy')
    assert load(tmp_path / 'deep' / 'copy').id == load(saved).id
