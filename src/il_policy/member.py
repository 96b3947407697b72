"""One net of an ensemble in training: its gradient written out, one fused Adam step.

The parameters lie in one flat buffer and so does their gradient. The backward pass is the chain
rule of an MLP written into buffers that are made once, which saves what autograd spends on a graph
that never changes. Every matrix lies with its longer side contiguous: a product with a narrow one
is three to five times faster that way.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from il_core.errors import InternalError
from il_policy.nets import Head, Net

# Looked up once; each lookup costs as much as a small operation.
_relu_backward = torch.ops.aten.threshold_backward.grad_input
_BACKWARD = {
    Head.TANH: torch.ops.aten.tanh_backward.grad_input,
    Head.SIGMOID: torch.ops.aten.sigmoid_backward.grad_input,
}
_BOUND = {Head.TANH: Tensor.tanh_, Head.SIGMOID: Tensor.sigmoid_}


class Adam:
    """AdamW (Loshchilov & Hutter 2019; plain Adam where the decay is 0) on one flat buffer.

    This is torch's own fused kernel; `torch.optim` spends as much time again on what one buffer
    does not need.

    Args:
        kept: (3, P) changed in place: the parameters, their first and their second moments.
        gradient: (P,) read at each step.
        rate, decay: learning rate and weight decay.
    """

    def __init__(self, kept: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        self.count = torch.zeros(())
        self._flat, self._first, self._second = kept
        self._gradient, self._rate, self._decay = gradient, rate, decay

    def step(self) -> None:
        """Move the parameters by the gradient in the buffer."""
        self.count += 1
        torch._fused_adamw_(
            [self._flat],
            [self._gradient],
            [self._first],
            [self._second],
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


class Member:
    """A net that takes steps. Members share nothing: each may be trained on a thread of its own.

    Args:
        net: the shape; the rest of the ensemble does not matter here.
        kept: (3, P) parameters and Adam's moments, trained in place.
        batch: rows per step.
        learning_rate, weight_decay: of AdamW (plain Adam where weight_decay is 0).
    """

    def __init__(
        self, net: Net, kept: Tensor, batch: int, learning_rate: float, weight_decay: float
    ) -> None:
        self.gradient = torch.zeros_like(kept[0])
        self.adam = Adam(kept, self.gradient, learning_rate, weight_decay)
        self.weights, self.biases = views(net, kept[0])
        self._head = net.head
        self._weight_grads, self._bias_grads = views(net, self.gradient)
        widths = [width for _, width in net.layers]
        self._outs = [_wide(torch.zeros(batch * width), batch, width) for width in widths]
        self._grads = [torch.zeros_like(out) for out in self._outs]
        self._loss = torch.zeros_like(self._outs[-1])

    def step(self, x: Tensor, target: Tensor, weight: Tensor) -> None:
        """Take one step.

        Args:
            x: (B, F) normalised observations.
            target: (B, A) normalised actions, or (B,) classes for logits.
            weight: (B, 1) weight of each row, 1 on average.
        """
        self._forward(x)
        self._output_gradient(self._outs[-1], target, weight)
        self._backward(x)
        self.adam.step()

    def take_loss(self) -> Tensor:
        """Return () the sum over steps of the batch's mean loss, since it was last taken."""
        loss = self._loss.sum()
        self._loss.zero_()
        return loss

    def predict(self, x: Tensor) -> Tensor:
        """Return (N, O) for normalised observations (N, F): actions or logits."""
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(bias, x.relu() if k else x, weight)
        return self._bounded(x)

    def loss(self, x: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return () the weighted mean loss over N rows (shapes as in `step`)."""
        y = self.predict(x)
        if self._head is Head.LOGITS:
            each = cross_entropy(y, target, reduction='none')
        else:
            each = (y - target).square_().mean(-1)
        return (each * weight[:, 0]).sum() / weight.sum()

    def _forward(self, x: Tensor) -> None:
        for k, out in enumerate(self._outs):
            torch.addmm(self.biases[k], x, self.weights[k], out=out)
            x = out.relu_() if k + 1 < len(self._outs) else out
        self._bounded(x)

    def _bounded(self, y: Tensor) -> Tensor:
        """Apply the head's function in place."""
        bound = _BOUND.get(self._head)
        return y if bound is None else bound(y)

    def _output_gradient(self, y: Tensor, target: Tensor, weight: Tensor) -> None:
        """Fill the gradient of the batch's mean loss with respect to the last layer's output."""
        grad, (rows, width) = self._grads[-1], y.shape
        if self._head is Head.LOGITS:
            each = cross_entropy(y, target, reduction='none') * weight[:, 0]
            self._loss[:, 0].add_(each, alpha=1 / rows)
            torch.softmax(y, -1, out=grad)
            grad.scatter_add_(-1, target[:, None], -torch.ones_like(weight))
            grad.mul_(weight / rows)
            return
        torch.sub(y, target, out=grad)
        scaled = grad * (weight * (2 / (rows * width)))
        self._loss.addcmul_(scaled, grad, value=0.5)
        backward = _BACKWARD.get(self._head)
        if backward is None:
            grad.copy_(scaled)
        else:
            backward(scaled, y, grad_input=grad)

    def _backward(self, x: Tensor) -> None:
        for k in reversed(range(len(self._outs))):
            grad, below = self._grads[k], self._outs[k - 1] if k else x
            torch.mm(below.T, grad, out=self._weight_grads[k])
            torch.sum(grad, 0, keepdim=True, out=self._bias_grads[k])
            if k:
                down = self._grads[k - 1]
                torch.mm(grad, self.weights[k].T, out=down)
                _relu_backward(down, below, 0, grad_input=down)


def _wide(flat: Tensor, rows: int, columns: int) -> Tensor:
    """Return a view (rows, columns) whose longer side is contiguous."""
    return flat.view(rows, columns) if columns >= rows else flat.view(columns, rows).T


def views(net: Net, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return (in, out) weights and (1, out) biases of every layer, one behind the other."""
    weights, biases, at = [], [], 0
    for fan_in, fan_out in net.layers:
        middle, end = at + fan_in * fan_out, at + (fan_in + 1) * fan_out
        weights.append(_wide(flat[at:middle], fan_in, fan_out))
        biases.append(flat[middle:end].view(1, fan_out))
        at = end
    if at != flat.numel():
        raise InternalError(f'{flat.numel()} parameters for a net of {at}')
    return weights, biases
