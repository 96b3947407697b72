"""An ensemble as one ONNX graph, built node by node: same weights, same bytes; and the files of a
checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from il_policy.checkpoint import GRAPH, WEIGHTS, PolicyFile, write_policy
from il_policy.nets import Head, Net, Weights
from il_policy.normalize import Normalization

OPSET, IR_VERSION = 18, 9


def write_files(folder: Path, policy: PolicyFile, weights: Weights) -> None:
    """Write policy.json, policy.onnx and weights.safetensors into a folder given by
    `checkpoint.writing`."""
    policy.net.check(weights, 'weights')
    (folder / GRAPH).write_bytes(to_onnx(policy.net, policy.normalization, weights))
    (folder / WEIGHTS).write_bytes(save(dict(weights)))
    write_policy(folder, policy)


class _Graph:
    """Nodes and constants in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op: str, *inputs: str, out: str = '', **attributes: Any) -> str:
        name = out or f'{op.lower()}_{len(self.nodes)}'
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name


def to_onnx(net: Net, normalization: Normalization, weights: Weights) -> bytes:
    """Return the graph `observation` (N, F) -> `mean` (N, A), `variance` (N, A), `members`
    (M, N, A), all float64 in physical units.

    Normalisation is part of the graph. Of a discrete axis `mean` and `members` are the class
    chosen, `variance` is the disagreement of the members (see runtime).
    """
    graph = _Graph()
    normal = _observation(graph, normalization)
    output = _layers(graph, net, weights, normal)
    if net.head is Head.LOGITS:
        _classes(graph, output, normalization)
    else:
        _actions(graph, net, output, normalization)
    model = _model(graph, net, len(normalization.low))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _observation(graph: _Graph, normalization: Normalization) -> str:
    mean = graph.constant('observation_mean', np.array(normalization.mean))
    std = graph.constant('observation_std', np.array(normalization.std))
    centred = graph.add('Sub', 'observation', mean)
    return graph.add('Cast', graph.add('Div', centred, std), to=TensorProto.FLOAT)


def _layers(graph: _Graph, net: Net, weights: Weights, x: str) -> str:
    for k in range(len(net.layers)):
        product = graph.add('MatMul', x, graph.constant(f'weight_{k}', weights[f'weight_{k}']))
        x = graph.add('Add', product, graph.constant(f'bias_{k}', weights[f'bias_{k}']))
        if k + 1 < len(net.layers):
            x = graph.add('Relu', x)
    return x


def _actions(graph: _Graph, net: Net, x: str, normalization: Normalization) -> None:
    if net.head is Head.TANH:
        x = graph.add('Tanh', x)
    scale = graph.constant('action_scale', normalization.scale)
    offset = graph.constant('action_offset', normalization.offset)
    scaled = graph.add('Mul', graph.add('Cast', x, to=TensorProto.DOUBLE), scale)
    graph.add('Add', scaled, offset, out='members')
    over_members = graph.constant('over_members', np.array([0]))
    graph.add('ReduceMean', 'members', over_members, out='mean', keepdims=0)
    apart = graph.add('Sub', 'members', 'mean')
    graph.add(
        'ReduceMean', graph.add('Mul', apart, apart), over_members, out='variance', keepdims=0
    )


def _classes(graph: _Graph, logits: str, normalization: Normalization) -> None:
    low = graph.constant('action_low', np.array(normalization.low, np.float64))
    over_members = graph.constant('over_members', np.array([0]))
    over_classes = graph.constant('over_classes', np.array([-1]))
    shares = graph.add('Softmax', logits, axis=-1)
    average = graph.add('ReduceMean', shares, over_members, keepdims=0)
    for of, out in ((average, 'mean'), (shares, 'members')):
        chosen = graph.add('ArgMax', of, axis=-1, keepdims=1)
        graph.add('Add', graph.add('Cast', chosen, to=TensorProto.DOUBLE), low, out=out)
    apart = graph.add('Sub', shares, average)
    spread = graph.add('ReduceMean', graph.add('Mul', apart, apart), over_members, keepdims=0)
    total = graph.add('ReduceSum', spread, over_classes, keepdims=1)
    graph.add('Cast', total, out='variance', to=TensorProto.DOUBLE)


def _model(graph: _Graph, net: Net, axes: int) -> onnx.ModelProto:
    def tensor(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape)

    body = helper.make_graph(
        graph.nodes,
        'ensemble',
        [tensor('observation', ['N', net.inputs])],
        [
            tensor('mean', ['N', axes]),
            tensor('variance', ['N', axes]),
            tensor('members', [net.members, 'N', axes]),
        ],
        graph.constants,
    )
    opset = [helper.make_opsetid('', OPSET)]
    return helper.make_model(
        body, opset_imports=opset, ir_version=IR_VERSION, producer_name='interactive_il'
    )
