"""ONNX graphs put together node by node: same weights, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from il_policy.nets import Head, Net, Weights
from il_policy.normalize import Normalization

OPSET, IR_VERSION = 18, 9
Shape = Sequence[int | str]


class Graph:
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

    def observation(self, normalization: Normalization) -> str:
        """Bring the input `observation` (N, F) float64 to the net's units, float32."""
        mean = self.constant('observation_mean', np.array(normalization.mean))
        std = self.constant('observation_std', np.array(normalization.std))
        centred = self.add('Sub', 'observation', mean)
        return self.add('Cast', self.add('Div', centred, std), to=TensorProto.FLOAT)

    def layers(self, net: Net, weights: Weights, x: str, prefix: str = '') -> str:
        """Append the layers of `net` and its head's function; (M, N, outputs)."""
        for k in range(len(net.layers)):
            weight = self.constant(f'{prefix}weight_{k}', weights[f'weight_{k}'])
            bias = self.constant(f'{prefix}bias_{k}', weights[f'bias_{k}'])
            x = self.add('Add', self.add('MatMul', x, weight), bias)
            if k + 1 < len(net.layers):
                x = self.add('Relu', x)
        head = {Head.TANH: 'Tanh', Head.SIGMOID: 'Sigmoid'}.get(net.head)
        return self.add(head, x) if head else x

    def model(self, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> bytes:
        """Return the checked graph with these float64 inputs and outputs, as bytes."""

        def tensors(named: Mapping[str, Shape]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, TensorProto.DOUBLE, list(shape))
                for name, shape in named.items()
            ]

        body = helper.make_graph(
            self.nodes, 'ensemble', tensors(inputs), tensors(outputs), self.constants
        )
        opset = [helper.make_opsetid('', OPSET)]
        model = helper.make_model(
            body, opset_imports=opset, ir_version=IR_VERSION, producer_name='interactive_il'
        )
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
