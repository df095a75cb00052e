"""One convolution on images of two sizes: each node has shapes of its own."""

from __future__ import annotations

from typing import Any

from keras.layers import Conv2D, Input
from keras.models import Model

from tests.guide.against_keras import AgainstKeras, Twins


class TestConvNodes(AgainstKeras):
    spec = "conv_nodes.yaml"
    compiled = {"loss": "mse"}

    @staticmethod
    def model() -> Any:
        a = Input(shape=(32, 32, 3))
        b = Input(shape=(64, 64, 3))
        conv = Conv2D(16, (3, 3), padding="same", name="conv")
        conved_a = conv(a)
        conved_b = conv(b)
        return Model(inputs=[a, b], outputs=[conved_a, conved_b])

    def test_a_node_knows_its_input_and_output_shapes(self, twins: Twins) -> None:
        program = twins.graph.program
        layer = twins.model.get_layer("conv")
        for step, node in zip(program.steps, layer._inbound_nodes, strict=True):
            given, made = program.tensors[step.reads()[0]], program.tensors[step.outputs[0]]
            assert (None, *given.shape) == node.input_tensors[0].shape
            assert (None, *made.shape) == node.outputs[0].shape
