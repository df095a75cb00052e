"""The `keras` format: a .keras file that Keras loads by itself, without any code in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from modelspec.engine.module import Module
from modelspec.engine.runner import Runner
from modelspec.exchange.keras.faults import rejected
from modelspec.exchange.keras.hdf5 import imported
from modelspec.exchange.keras_file.archive import write as write_archive
from modelspec.exchange.keras_file.config import Config
from modelspec.exchange.keras_file.entries import Entries
from modelspec.exchange.keras_file.graphs import Models
from modelspec.exchange.keras_file.parts import Functional, Plain
from modelspec.exchange.keras_file.proof import in_keras, read_again
from modelspec.exchange.keras_file.state import fresh
from modelspec.exchange.keras_file.training import Compiled
from modelspec.exchange.keras_file.weights import learned, placed, stored, tensors
from modelspec.exchange.walk import settled
from modelspec.model.graph import Graph
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report


def write(module: Module, path: str) -> list[str]:
    """Raises `Rejected` with everything that Keras has no word for, and where h5py is missing."""
    imported()
    if not path.endswith(".keras"):
        raise rejected("cannot-export", "Keras knows its files by their ending, .keras",
                       notes=os.path.basename(path), help="-o model.keras")  # fmt: skip
    graph = module.graph
    config, paths = described(graph, vocabularies(module.runner))
    places, weights = placed(graph, config, paths), module.weights()
    held = tensors(graph, weights, places)
    compiled = Compiled(graph)
    if compiled.config is not None:
        config["compile_config"] = compiled.config
        changed = [held[place] for place in learned(graph, places)]
        held |= fresh(graph.spec.training.optimizer, changed)
    write_archive(path, config, stored(held))
    read_again(path, weights, places)
    return [path]


def run(graph: Graph, files: list[str]) -> Any:
    """The file in Keras; raises Untried where there is none, or none that can."""
    return in_keras(graph, files[0])


def notes(graph: Graph) -> list[str]:
    """What a .keras file has no place for."""
    return Compiled(graph).notes


def described(graph: Graph, learnt: Mapping[str, Plain]) -> tuple[Plain, dict[int, str]]:
    """The description of a graph as a Keras model, and the paths of its weights."""

    def attempt(inlined: set[Definition]) -> tuple[Functional, Entries]:
        report, entries = Report(), Entries(graph.spec.training.precision, learnt)
        model = Models(graph, entries, inlined, report).whole()
        report.raise_if_errors()
        return model, entries

    model, entries = settled(attempt)
    return Config(model).whole(), entries.paths


def vocabularies(runner: Runner) -> dict[str, Plain]:
    """What the layers of a model know of tokens, by their paths."""
    found: dict[str, Plain] = {}
    for step in runner.steps:
        known: Any = step.vocabulary
        if known is not None:
            start = known.layer.token_start
            found[step.path] = {"vocabulary": list(known.tokens)}
            if known.rarity is not None:
                rarity = known.rarity[start : start + len(known.tokens)]
                found[step.path]["idf_weights"] = rarity.tolist()
        if step.body is not None:
            found |= vocabularies(step.body)
    return found
