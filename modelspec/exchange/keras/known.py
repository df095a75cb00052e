"""Layers of the reference applications that are no layers of Keras, in words of the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelspec.exchange.keras.model import Node, Part, tensors

if TYPE_CHECKING:
    from modelspec.exchange.keras.graphs import Graph


def write(graph: Graph, part: Part, node: Node, name: str) -> None:
    """Write LayerScale, StochasticDepth or CustomScaleLayer as entries of a graph."""
    given = list(tensors(node.args))
    texts = [graph.text(tensor) for tensor in given]
    config = part.config
    if part.kind == "LayerScale":
        gamma = graph.names.free(f"{name}_gamma")
        start = {"type": "Constant", "value": config.get("init_values", 1e-6)}
        graph.layers[gamma] = {
            "type": "Parameter", "shape": [config.get("projection_dim")], "initializer": start,
        }  # fmt: skip
        if config.get("trainable") is False and graph.trainable:
            graph.layers[gamma]["trainable"] = False
        graph.layers[name] = {"type": "Multiply", "from": [texts[0], gamma]}
        graph.writer.places[part] = f"{graph.path}.{gamma}" if graph.path else gamma
    elif part.kind == "StochasticDepth":
        rank = len(given[0].shape or (None,) * 4)
        graph.layers[name] = {
            "type": "Dropout", "rate": config.get("drop_path_rate", 0.0),
            "noise_shape": [None] + [1] * (rank - 1),
        }  # fmt: skip
        source = graph.shortened(texts[0])
        if source is not None:
            graph.layers[name]["from"] = source
    else:
        scaled = graph.names.free(f"{name}_scaled")
        graph.layers[scaled] = {
            "type": "Rescaling", "scale": config.get("scale", 1.0), "from": texts[1],
        }  # fmt: skip
        graph.layers[name] = {"type": "Add", "from": [texts[0], scaled]}
