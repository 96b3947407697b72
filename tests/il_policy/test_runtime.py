"""Whatever runs the net gives the same numbers, and a fault is a proposal that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Frame
from il_policy.api import POLICIES
from il_policy.checkpoint import extend, load
from il_policy.export import to_onnx
from il_policy.nets import Head
from il_policy.runtime import make_runtime
from tests.il_policy.made import discrete_spec, make_checkpoint
from tests.toy import toy_spec

CASES = {
    'linear': (toy_spec(), Head.LINEAR, (16, 8)),
    'tanh': (toy_spec(), Head.TANH, (16,)),
    'no hidden layer': (toy_spec(), Head.LINEAR, ()),
    'discrete': (discrete_spec(), Head.LINEAR, (16, 8)),
}


def frame_of(spec: Spec, value: float = 0.3) -> Frame:
    return Frame(7, 10, np.full(len(spec.frame_fields), value), (10,) * len(spec.observed))


@pytest.mark.parametrize('case', CASES)
def test_numpy_and_onnx_agree(case: str, tmp_path: Path) -> None:
    spec, head, hidden = CASES[case]
    checkpoint = load(make_checkpoint(tmp_path / 'c', spec, head, hidden))
    observations = np.random.default_rng(3).normal(3, 2, (40, len(spec.frame_fields)))
    numpy, onnx = (make_runtime(checkpoint, name) for name in ('numpy', 'onnx'))
    one, other = numpy.predict(observations), onnx.predict(observations)
    assert one.mean.shape == (40, len(spec.axes))
    assert one.members.shape == (3, 40, len(spec.axes))
    for name in ('mean', 'variance', 'members'):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-5)
        assert getattr(one, name).dtype == getattr(other, name).dtype == np.float64
    for runtime in (numpy, onnx):
        single = runtime.decide(observations[5])
        np.testing.assert_allclose(single.mean, one.mean[5], atol=1e-5)
        np.testing.assert_allclose(single.variance, one.variance[5], atol=1e-5)
        np.testing.assert_allclose(single.members, one.members[:, 5], atol=1e-5)
    assert one.variance.max() > 0


@pytest.mark.parametrize('runtime', ['numpy', 'onnx'])
def test_a_decision_outlives_the_next(runtime: str, tmp_path: Path) -> None:
    checkpoint = load(make_checkpoint(tmp_path / 'c', toy_spec()))
    decide = make_runtime(checkpoint, runtime).decide
    first, second = np.full(5, 0.3), np.full(5, -2.0)
    kept = decide(first)
    assert np.abs(decide(second).members - kept.members).max() > 1e-3
    again = decide(first)
    for name in ('mean', 'variance', 'members'):
        np.testing.assert_array_equal(getattr(again, name), getattr(kept, name))


def test_a_discrete_axis_gets_the_class_and_the_disagreement(tmp_path: Path) -> None:
    checkpoint = load(make_checkpoint(tmp_path / 'c', discrete_spec()))
    output = make_runtime(checkpoint).predict(np.random.default_rng(0).normal(3, 9, (200, 5)))
    assert set(np.unique(output.members)) <= {0.0, 1.0, 2.0}
    assert len(np.unique(output.mean)) > 1
    assert ((output.variance >= 0) & (output.variance < 1)).all()


def test_a_tanh_head_stays_within_the_limits(tmp_path: Path) -> None:
    spec = toy_spec()
    checkpoint = load(make_checkpoint(tmp_path / 'c', spec, Head.TANH))
    members = make_runtime(checkpoint).predict(np.full((1, 5), 1e6)).members
    assert (members >= spec.low - 1e-9).all()
    assert (members <= spec.high + 1e-9).all()


def test_the_graph_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    checkpoint = load(make_checkpoint(tmp_path / 'c', toy_spec()))
    policy = checkpoint.policy
    again = to_onnx(policy.net, policy.normalization, checkpoint.weights())
    assert again == checkpoint.read('policy.onnx')


def test_bc_proposes(tmp_path: Path) -> None:
    spec = toy_spec()
    path = make_checkpoint(tmp_path / 'c', spec)
    policy = POLICIES.load('bc')(spec, path)
    proposal = policy.propose(frame_of(spec))
    assert not proposal.fault
    assert proposal.checkpoint_id == load(path).id
    assert proposal.spec_hash == spec.hash
    assert proposal.inference_s > 0
    assert proposal.mean.shape == proposal.variance.shape == (3,)
    np.testing.assert_allclose(proposal.members.mean(axis=0), proposal.mean, atol=1e-12)


def test_none_proposes_the_frame_alone() -> None:
    spec = toy_spec()
    frame = frame_of(spec)
    proposal = POLICIES.load('none')(spec, None).propose(frame)
    assert proposal.frame is frame
    assert proposal.mean is None
    assert not proposal.fault
    with pytest.raises(UserError, match='no checkpoint'):
        POLICIES.load('none')(spec, Path('some'))


@pytest.mark.parametrize('name', POLICIES.names())
def test_a_faulty_frame_gives_that_fault(name: str, tmp_path: Path) -> None:
    spec = toy_spec()
    checkpoint = None if name == 'none' else make_checkpoint(tmp_path / 'c', spec)
    frame = Frame(1, 10, np.empty(0), (), 'ee_pose: no message yet')
    policy = POLICIES.load(name)(spec, checkpoint)
    policy.reset()
    proposal = policy.propose(frame)
    assert policy.spec is spec
    assert proposal.spec_hash == spec.hash
    assert proposal.checkpoint_id == policy.checkpoint_id
    assert proposal.fault == 'ee_pose: no message yet'
    assert proposal.mean is None


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_frame_that_is_not_finite_is_a_fault(value: float, tmp_path: Path) -> None:
    spec = toy_spec()
    policy = POLICIES.load('bc')(spec, make_checkpoint(tmp_path / 'c', spec))
    proposal = policy.propose(frame_of(spec, value))
    assert 'not finite' in proposal.fault
    assert proposal.mean is None


@pytest.mark.parametrize('runtime', ['onnx', 'numpy'])
def test_an_action_that_is_not_finite_is_a_fault(runtime: str, tmp_path: Path) -> None:
    spec = toy_spec()
    checkpoint = load(make_checkpoint(tmp_path / 'c', spec))
    policy, weights = checkpoint.policy, checkpoint.weights()
    weights['bias_2'][1, 0, 0] = np.nan
    from safetensors.numpy import save

    broken = {
        'weights.safetensors': save(weights),
        'policy.onnx': to_onnx(policy.net, policy.normalization, weights),
    }
    extend(checkpoint.path, tmp_path / 'nan', broken)
    proposal = POLICIES.load('bc')(spec, tmp_path / 'nan', runtime).propose(frame_of(spec))
    assert proposal.fault == 'policy: action is not finite'


def test_bad_names_and_no_checkpoint_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='il train'):
        POLICIES.load('bc')(toy_spec(), None)
    checkpoint = load(make_checkpoint(tmp_path / 'c', toy_spec()))
    with pytest.raises(UserError, match='onnx, numpy, fastest'):
        make_runtime(checkpoint, 'tensorrt')
    assert make_runtime(checkpoint, 'fastest').decide(np.zeros(5)).mean.shape == (3,)


def test_inference_needs_neither_torch_nor_onnx(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / 'c', toy_spec())
    code = (
        'import sys; sys.modules["torch"] = sys.modules["onnx"] = None\n'
        'from pathlib import Path; from il_policy.api import POLICIES\n'
        'from il_policy.checkpoint import load\n'
        f'path = Path({str(path)!r}); spec = load(path).policy.spec\n'
        'assert POLICIES.load("bc")(spec, path).checkpoint_id'
    )
    subprocess.run([sys.executable, '-c', code], check=True)
