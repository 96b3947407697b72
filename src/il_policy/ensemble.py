"""An ensemble in training: one batched model, its gradient written out, one fused Adam step.

All parameters lie in one flat buffer and so do the gradients. Layers are batched products over the
members; the backward pass is the chain rule of an MLP written into buffers that are made once,
which saves what autograd spends on a graph that never changes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from il_core.errors import InternalError
from il_policy.nets import Floats, Head, Net, Weights

# Looked up once; each lookup costs as much as a small operation.
_relu_backward = torch.ops.aten.threshold_backward.grad_input
_BACKWARD = {
    Head.TANH: torch.ops.aten.tanh_backward.grad_input,
    Head.SIGMOID: torch.ops.aten.sigmoid_backward.grad_input,
}
_BOUND = {Head.TANH: torch.Tensor.tanh_, Head.SIGMOID: torch.Tensor.sigmoid_}


class Adam:
    """AdamW (Loshchilov & Hutter 2019; plain Adam where the decay is 0) on one flat buffer.

    This is torch's own fused kernel; `torch.optim` spends as much time again on what one buffer
    does not need.
    """

    def __init__(self, flat: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        self.first, self.second = torch.zeros_like(flat), torch.zeros_like(flat)
        self.count = torch.zeros(())
        self._flat, self._gradient, self._rate, self._decay = flat, gradient, rate, decay

    def step(self) -> None:
        """Move the parameters by the gradient in the buffer."""
        self.count += 1
        torch._fused_adamw_(
            [self._flat],
            [self._gradient],
            [self.first],
            [self.second],
            [],
            [self.count],
            lr=self._rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=self._decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class Ensemble:
    """M nets that see different rows at the same time.

    Args:
        net: the shape.
        weights: first parameters, by name.
        batch: rows per member and step.
        learning_rate, weight_decay: of AdamW (plain Adam where weight_decay is 0).
    """

    def __init__(
        self,
        net: Net,
        weights: Weights,
        batch: int = 100,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
    ) -> None:
        self.net = net
        self.flat = torch.cat([torch.from_numpy(weights[name]).flatten() for name in net.shapes])
        self.gradient = torch.zeros_like(self.flat)
        self.adam = Adam(self.flat, self.gradient, learning_rate, weight_decay)
        self._weights, self._biases = self._views(self.flat)
        self._weight_grads, self._bias_grads = self._views(self.gradient)
        sizes = [width for _, width in net.layers]
        self._outs = [torch.empty(net.members, batch, size) for size in sizes]
        self._grads = [torch.empty(net.members, batch, size) for size in sizes]
        self._loss = torch.zeros(net.members, batch, sizes[-1])

    def step(self, x: Tensor, target: Tensor, weight: Tensor) -> None:
        """Take one step of every member on its own batch.

        Args:
            x: (M, B, F) normalised observations.
            target: (M, B, A) normalised actions, or (M, B) classes for logits.
            weight: (M, B, 1) weight of each row, 1 on average.
        """
        outs = self._forward(x)
        self._output_gradient(outs[-1], target, weight)
        self._backward(x, outs)
        self.adam.step()

    def take_loss(self) -> Tensor:
        """Return (M,) the sum over steps of the batch's mean loss, since it was last taken."""
        loss = self._loss.sum((1, 2))
        self._loss.zero_()
        return loss

    def predict(self, x: Tensor) -> Tensor:
        """Return (M, N, O) for normalised observations (N, F): actions or logits."""
        y = x.expand(self.net.members, *x.shape)
        for k, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            y = torch.baddbmm(bias, y.relu() if k else y, weight)
        return self._bounded(y)

    def losses(self, x: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return (M,) the weighted mean loss over N rows (shapes as in `step`, without M)."""
        y = self.predict(x)
        each = _cross_entropy(y, target) if self._logits else (y - target).square_().mean(-1)
        return (each * weight[:, 0]).sum(-1) / weight.sum()

    def weights(self) -> dict[str, Floats]:
        """Return a copy of the parameters by name."""
        pairs = zip(self._weights, self._biases, strict=True)
        views = (view for pair in pairs for view in pair)
        return {n: v.numpy().copy() for n, v in zip(self.net.shapes, views, strict=True)}

    def state(self) -> dict[str, Floats]:
        """Return copies of the parameters and of Adam's moments."""
        tensors = {'flat': self.flat, 'first': self.adam.first, 'second': self.adam.second}
        return {name: tensor.numpy().copy() for name, tensor in tensors.items()}

    def restore(self, arrays: Weights, step: int) -> None:
        """Go on after `step` steps from what `state` returned."""
        tensors = {'flat': self.flat, 'first': self.adam.first, 'second': self.adam.second}
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))
        self.adam.count.fill_(step)

    @property
    def _logits(self) -> bool:
        return self.net.head is Head.LOGITS

    def _views(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        views, at = [], 0
        for shape in self.net.shapes.values():
            size = shape[0] * shape[1] * shape[2]
            views.append(flat[at : at + size].view(shape))
            at += size
        if at != flat.numel():
            raise InternalError(f'{flat.numel()} parameters for a net of {at}')
        return views[0::2], views[1::2]

    def _forward(self, x: Tensor) -> list[Tensor]:
        for k, out in enumerate(self._outs):
            torch.baddbmm(self._biases[k], x, self._weights[k], out=out)
            x = out.relu_() if k + 1 < len(self._outs) else out
        self._bounded(x)
        return self._outs

    def _bounded(self, y: Tensor) -> Tensor:
        """Apply the head's function in place."""
        bound = _BOUND.get(self.net.head)
        return y if bound is None else bound(y)

    def _output_gradient(self, y: Tensor, target: Tensor, weight: Tensor) -> None:
        """Fill the gradient of the batch's mean loss with respect to the last layer's output."""
        grad, rows = self._grads[-1], y.shape[1]
        if self._logits:
            each = _cross_entropy(y, target) * weight[..., 0]
            self._loss[..., 0].add_(each, alpha=1 / rows)
            torch.softmax(y, -1, out=grad)
            grad.scatter_add_(-1, target[..., None], -torch.ones_like(weight))
            grad.mul_(weight / rows)
            return
        torch.sub(y, target, out=grad)
        scaled = grad * (weight * (2 / (rows * y.shape[2])))
        self._loss.addcmul_(scaled, grad, value=0.5)
        backward = _BACKWARD.get(self.net.head)
        if backward is None:
            grad.copy_(scaled)
        else:
            backward(scaled, y, grad_input=grad)

    def _backward(self, x: Tensor, outs: list[Tensor]) -> None:
        for k in reversed(range(len(outs))):
            grad, below = self._grads[k], outs[k - 1] if k else x
            torch.bmm(below.transpose(1, 2), grad, out=self._weight_grads[k])
            torch.sum(grad, 1, keepdim=True, out=self._bias_grads[k])
            if k:
                down = self._grads[k - 1]
                torch.bmm(grad, self._weights[k].transpose(1, 2), out=down)
                _relu_backward(down, below, 0, grad_input=down)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return (M, N) the negative log-likelihood of classes, `target` (M, N) or (N,)."""
    classes = target.expand(logits.shape[:-1])[..., None]
    return -torch.log_softmax(logits, -1).gather(-1, classes)[..., 0]
