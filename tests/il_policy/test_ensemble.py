"""The written-out gradient is autograd's, the runtimes run what was trained, batches are fair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from il_core.spec import Spec
from il_policy.checkpoint import load
from il_policy.ensemble import Ensemble
from il_policy.member import Adam, views
from il_policy.nets import Head, Net
from il_policy.runtime import make_runtime
from il_policy.sampling import Batches, split
from tests.il_policy.made import discrete_spec, make_checkpoint
from tests.toy import toy_spec

HEADS = list(Head)


def take_step(ensemble: Ensemble, x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> None:
    """One step of every member on its own batch: all (M, B, ...)."""
    for member, *batch in zip(ensemble.members, x, y, w, strict=True):
        member.step(*batch)


def by_autograd(net: Net, ensemble: Ensemble, x: torch.Tensor, y: torch.Tensor, w: torch.Tensor):
    """Return the loss of every member and the gradient of their sum, by name."""
    weights = {n: torch.from_numpy(v).requires_grad_() for n, v in ensemble.weights().items()}
    h = x
    for k in range(len(net.layers)):
        h = (h.relu() if k else h) @ weights[f'weight_{k}'] + weights[f'bias_{k}']
    if net.head is Head.LOGITS:
        each = torch.nn.functional.cross_entropy(h.transpose(1, 2), y, reduction='none')
    else:
        bound = {Head.TANH: torch.tanh, Head.SIGMOID: torch.sigmoid}.get(net.head)
        each = (((bound(h) if bound else h) - y) ** 2).mean(-1)
    losses = (each * w[..., 0]).mean(-1)
    losses.sum().backward()
    return losses.detach(), {name: weight.grad for name, weight in weights.items()}


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('hidden', [(), (7,), (7, 16)])
def test_the_gradient_is_autograds(head: Head, hidden: tuple[int, ...]) -> None:
    net = Net(4, 3, head, 2, hidden)
    ensemble = Ensemble(net, net.initial(np.random.default_rng(0)), batch=10)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 10, 4, generator=generator)
    w = torch.rand(2, 10, 1, generator=generator) * 2
    y = torch.randn(2, 10, 3, generator=generator)
    if head is Head.LOGITS:
        y = torch.randint(0, 3, (2, 10), generator=generator)
    losses, gradients = by_autograd(net, ensemble, x, y, w)
    take_step(ensemble, x, y, w)
    torch.testing.assert_close(ensemble.take_loss(), losses)
    for m, member in enumerate(ensemble.members):
        weights, biases = views(net, member.gradient)
        for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            for name, found in ((f'weight_{k}', weight), (f'bias_{k}', bias)):
                torch.testing.assert_close(found, gradients[name][m], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize('decay', [0.0, 0.1])
def test_the_optimiser_is_torchs(decay: float) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=100), rng.normal(size=(20, 100))
    kept, gradient = torch.zeros(3, 100), torch.zeros(100)
    kept[0] = torch.from_numpy(start)
    ours = Adam(kept, gradient, 1e-2, decay)
    parameter = torch.nn.Parameter(torch.from_numpy(start).float())
    theirs = torch.optim.AdamW([parameter], lr=1e-2, weight_decay=decay)
    for row in torch.from_numpy(gradients).float():
        gradient.copy_(row)
        parameter.grad = row.clone()
        ours.step()
        theirs.step()
    torch.testing.assert_close(kept[0], parameter.detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('runtime', ['numpy', 'onnx'])
@pytest.mark.parametrize(
    ('spec', 'head'),
    [(toy_spec(), Head.LINEAR), (toy_spec(), Head.TANH), (discrete_spec(), Head.TANH)],
)
def test_torch_and_runtime_agree(spec: Spec, head: Head, runtime: str, tmp_path: Path) -> None:
    checkpoint = load(make_checkpoint(tmp_path / 'c', spec, head))
    net, normal = checkpoint.policy.net, checkpoint.policy.normalization
    observations = np.random.default_rng(3).normal(3, 2, (60, net.inputs))
    ensemble = Ensemble(net, checkpoint.weights())
    x = torch.from_numpy(normal.observation(observations))
    y = torch.stack([member.predict(x) for member in ensemble.members]).double()
    output = make_runtime(checkpoint, runtime).predict(observations)
    if net.head is Head.LOGITS:
        shares = y.softmax(-1).numpy()
        np.testing.assert_array_equal(output.mean, shares.mean(0).argmax(-1)[:, None])
        np.testing.assert_allclose(output.variance[:, 0], shares.var(0).sum(-1), atol=1e-5)
        return
    members = y.numpy() * normal.scale + normal.offset
    np.testing.assert_allclose(output.members, members, atol=1e-5)
    np.testing.assert_allclose(output.mean, members.mean(0), atol=1e-5)
    np.testing.assert_allclose(output.variance, members.var(0), atol=1e-5)


def test_members_train_apart() -> None:
    """A member in an ensemble takes the step it would take alone."""
    net, alone = Net(4, 3, Head.LINEAR, 3, (6,)), Net(4, 3, Head.LINEAR, 1, (6,))
    weights = net.initial(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, y = (torch.from_numpy(rng.normal(size=(3, 8, n)).astype('f4')) for n in (4, 3))
    together = Ensemble(net, weights, 8)
    single = Ensemble(alone, {name: w[1:2] for name, w in weights.items()}, 8)
    for _ in range(5):
        take_step(together, x, y, torch.ones(3, 8, 1))
        take_step(single, x[1:2], y[1:2], torch.ones(1, 8, 1))
    for name, weight in single.weights().items():
        np.testing.assert_allclose(together.weights()[name][1:2], weight, atol=1e-6)


def test_an_epoch_goes_once_through_the_members_rows() -> None:
    rows = np.arange(10, 33)
    plain = Batches(rows, 2, 5, seed=0, bootstrap=False)
    stream = np.concatenate([plain.at(step) for step in range(23)], axis=1)
    for epoch in range(5):
        for member in stream[:, epoch * 23 : (epoch + 1) * 23]:
            np.testing.assert_array_equal(np.sort(member), rows)
    resampled = Batches(rows, 2, 5, seed=0)
    stream = np.concatenate([resampled.at(step) for step in range(23)], axis=1)
    first, second = (np.sort(stream[0, at : at + 23]) for at in (0, 23))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) < 23
    assert not np.array_equal(np.sort(stream[1, :23]), first)


def test_batches_can_start_anywhere() -> None:
    straight = Batches(np.arange(17), 2, 4, seed=3)
    want = [straight.at(step) for step in range(12)]
    np.testing.assert_array_equal(Batches(np.arange(17), 2, 4, seed=3).at(11), want[11])


def test_validation_holds_out_whole_episodes_where_it_can() -> None:
    parts = split(np.repeat(np.arange(10), 7), 0.2, seed=0)
    assert parts.by_episode
    assert len(parts.validation) == 14
    assert not set(parts.train // 7) & set(parts.validation // 7)
    few = split(np.repeat(np.arange(3), 20), 0.1, seed=0)
    assert not few.by_episode
    assert len(few.validation) == 6
    assert len(split(np.zeros(5, np.int64), 0, seed=0).validation) == 0
