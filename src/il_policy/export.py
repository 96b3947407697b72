"""An ensemble as one ONNX graph, and the files of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto
from safetensors.numpy import save

from il_policy.checkpoint import GRAPH, WEIGHTS, PolicyFile, write_policy
from il_policy.nets import Head, Net, Weights
from il_policy.normalize import Normalization
from il_policy.onnx_graph import Graph


def write_files(folder: Path, policy: PolicyFile, weights: Weights) -> None:
    """Write policy.json, policy.onnx and weights.safetensors into a folder given by
    `checkpoint.writing`."""
    policy.net.check(weights, 'weights')
    (folder / GRAPH).write_bytes(to_onnx(policy.net, policy.normalization, weights))
    (folder / WEIGHTS).write_bytes(save(dict(weights)))
    write_policy(folder, policy)


def to_onnx(net: Net, normalization: Normalization, weights: Weights) -> bytes:
    """Return the graph `observation` (N, F) -> `mean` (N, A), `variance` (N, A), `members`
    (M, N, A), all float64 in physical units.

    Normalisation is part of the graph. Of a discrete axis `mean` and `members` are the class
    chosen, `variance` is the disagreement of the members (see runtime).
    """
    graph, axes = Graph(), len(normalization.low)
    output = graph.layers(net, weights, graph.observation(normalization))
    if net.head is Head.LOGITS:
        _classes(graph, output, normalization)
    else:
        _actions(graph, output, normalization)
    return graph.model(
        {'observation': ('N', net.inputs)},
        {
            'mean': ('N', axes),
            'variance': ('N', axes),
            'members': (net.members, 'N', axes),
        },
    )


def critic_onnx(net: Net, normalization: Normalization, weights: Weights) -> bytes:
    """Return the graph `observation` (N, F), `action` (N, A) -> `value` (N,): the least of the
    critics, float64."""
    graph = Graph()
    scale = graph.constant('action_scale', normalization.scale)
    offset = graph.constant('action_offset', normalization.offset)
    action = graph.add('Div', graph.add('Sub', 'action', offset), scale)
    state = graph.observation(normalization)
    both = graph.add('Concat', state, graph.add('Cast', action, to=TensorProto.FLOAT), axis=-1)
    values = graph.layers(net, weights, both)
    axes = graph.constant('critics_and_output', np.array([0, 2]))
    least = graph.add('ReduceMin', values, axes, keepdims=0)
    graph.add('Cast', least, out='value', to=TensorProto.DOUBLE)
    fields, width = len(normalization.mean), len(normalization.low)
    inputs = {'observation': ('N', fields), 'action': ('N', width)}
    return graph.model(inputs, {'value': ('N',)})


def classifier_onnx(
    trunk: Net, trunk_weights: Weights, net: Net, weights: Weights, normalization: Normalization
) -> bytes:
    """Return the graph `observation` (N, F) -> `value` (N,): the probability of class 1, float64.

    `trunk`: one member's layers up to the features that the classifier works on.
    """
    graph = Graph()
    state = graph.observation(normalization)
    features = graph.add('Relu', graph.layers(trunk, trunk_weights, state, 'trunk_'))
    shares = graph.add('Softmax', graph.layers(net, weights, features), axis=-1)
    one = graph.add('Gather', shares, graph.constant('class_one', np.array([1])), axis=-1)
    axes = graph.constant('member_and_class', np.array([0, 2]))
    probability = graph.add('ReduceSum', one, axes, keepdims=0)
    graph.add('Cast', probability, out='value', to=TensorProto.DOUBLE)
    return graph.model({'observation': ('N', trunk.inputs)}, {'value': ('N',)})


def _actions(graph: Graph, x: str, normalization: Normalization) -> None:
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


def _classes(graph: Graph, logits: str, normalization: Normalization) -> None:
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
