"""Which tensor of a Keras file is which weight of the graph: each is matched, none is left over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.graphs import Writer
from modelspec.exchange.keras.hdf5 import Array, Stored
from modelspec.exchange.keras.model import Model, Part
from modelspec.exchange.keras.places import DENSE, Pair, Places
from modelspec.language.layer import Weight
from modelspec.model.graph import Graph

#: Parts of a file that are no weights of the model; those of vocabularies go with them.
ASIDE = frozenset(("optimizer", "seed_generator", "_random_generator", "metrics", "loss_tracker",
         "random_generator", "_metrics", "_loss_tracker", "compile_metrics", "_compile_metrics",
         "_compile_loss", "idf_weights"))  # fmt: skip
#: Names that Keras 2 gave to weights -> their names today.
OLD = {"depthwise_kernel": "kernel"}


class Matched:
    """The weights of a graph, found in a Keras file."""

    def __init__(self, graph: Graph, writer: Writer, stored: Stored, faults: Faults) -> None:
        self.graph, self.writer, self.stored, self.faults = graph, writer, stored, faults
        self.places = Places(graph, writer.places, writer.sharing)
        self.found: dict[str, str] = {}
        self.again: set[str] = set()  # tensors that the file has a second time
        self.absent: dict[str, str] = {}  # where a weight was looked for
        self.wrong: list[str] = []

    def arrays(self, model: Model) -> dict[str, Array]:
        """Every weight by its full name; raises Rejected with all that does not fit."""
        if "layer_names" in self.stored.groups[""].attrs or "model_weights" in self.stored.groups:
            self.by_layers(model)
        else:
            for pair in self.places.of_model(model, ""):
                self.take(pair)
            self.leftover(p for p in self.stored.sets if not ASIDE & set(p.split("/")))
        self.report()
        weights = self.graph.weights()
        arrays = {
            name: self.stored.tensor(place).reshape(sizes(weights[name]))
            for name, place in self.found.items()
        }
        self.adapted(arrays)
        return arrays

    def adapted(self, arrays: dict[str, Array]) -> None:
        """What was never adapted works in Keras, once it is loaded, as if it had been."""
        for owner in self.graph.owners.values():
            count = f"{owner.path}.count"
            if count in arrays and not arrays[count].any():
                arrays[count] = arrays[count] + 1
                self.faults.note(f"`{owner.path}` was never adapted in Keras: mean 0, variance 1")

    def take(self, pair: Pair) -> None:
        place = self.located(pair.place)
        if place is None:
            self.absent[pair.name] = pair.place
            return
        shape = self.stored.shape(place)
        alike = shape == pair.weight.shape or (shape == (1,) and pair.weight.shape == ())
        if pair.weight.name == "value":  # a Parameter, which Keras has as a table
            alike = prod(shape) == prod(sizes(pair.weight))
        if not alike:
            self.wrong.append(
                f"`{pair.name}` is {list(pair.weight.shape)}, and {list(shape)} in the file"
            )
        first = self.found.setdefault(pair.name, place)
        if first != place:
            self.again.add(place)

    def located(self, place: str) -> str | None:
        """A place as this file writes it: versions differ in underscores and a word."""
        old = place.replace("layers/", "_layer_checkpoint_dependencies/")
        for one in (place, old):
            if one in self.stored.sets:
                return one
            folders = one.split("/")
            for at, folder in enumerate(folders):
                if folder in DENSE.values() or folder in ("layer", "cell"):
                    hidden = "/".join([*folders[:at], f"_{folder}", *folders[at + 1 :]])
                    if hidden in self.stored.sets:
                        return hidden
        return None

    def leftover(self, places: Iterable[str]) -> None:
        """Tensors of the file that no weight of ours is."""
        used = set(self.found.values()) | self.again
        self.wrong += [
            f"the file's `{place}` {list(self.stored.shape(place))} is no weight of the spec"
            for place in places
            if place not in used and self.stored.sets[place].dtype.kind not in "OSU"
        ]

    def report(self) -> None:
        self.wrong += [
            f"`{name}` is not in the file ({self.absent.get(name, 'of its layer')})"
            for name in self.graph.weights()
            if name not in self.found
        ]
        if self.wrong:
            shown = self.wrong[:12]
            more = [f"and {len(self.wrong) - 12} more"] if len(self.wrong) > 12 else []
            self.faults.report.error(
                "weights-left",
                "every weight of the spec is in the Keras file, and every one of the file in the "
                "spec",
                notes=[self.stored.path, *shown, *more],
                help="the file may belong to another model",
            )
        self.faults.stop()

    # -- Keras 2 and .h5: by the names of layers, their weights in order ----------------------

    def by_layers(self, model: Model) -> None:
        root = "model_weights" if "model_weights" in self.stored.groups else ""
        start = f"{root}/" if root else ""
        for part in model.parts:
            wanted = self.legacy(part)
            group = f"{start}{part.name}"
            listed = self.stored.names(group, "weight_names") if group in self.stored.groups else []
            places = [f"{group}/{name}" for name in listed]
            if len(places) != len(wanted):
                self.wrong.append(
                    f"layer `{part.name}` has {len(wanted)} weights, and {len(places)} in the file"
                )
                continue
            for (name, weight), place in zip(wanted, places, strict=True):
                self.take(Pair(name, weight, place))
                self.named_alike(weight, place, wanted)
        self.leftover(p for p in self.stored.under(root) if "optimizer_weights" not in p)

    def named_alike(self, weight: Weight, place: str, wanted: list[tuple[str, Weight]]) -> None:
        """Hold the order to the names that the file gives."""
        theirs = place.rpartition("/")[2].partition(":")[0]
        ours = weight.name.rpartition(".")[2]
        known = {one.name.rpartition(".")[2] for _, one in wanted}
        if theirs in known and ours not in (theirs, OLD.get(theirs)):
            self.wrong.append(f"`{ours}` stands where the file has `{place}`")

    def legacy(self, part: Part) -> list[tuple[str, Weight]]:
        """A layer's weights as .h5 files order them: those that learn, then the others."""
        listed = list(self.flat(part, True))
        return [(n, w) for n, w, t in listed if t] + [(n, w) for n, w, t in listed if not t]

    def flat(self, part: Part, trainable: bool) -> Iterator[tuple[str, Weight, bool]]:
        part = self.writer.sharing.first(part)
        trainable = trainable and part.config.get("trainable") is not False
        if part.model is not None:
            for inner in part.model.parts:
                yield from self.flat(inner, trainable)
            return
        if part.wrapped is not None and part.kind == "TimeDistributed":
            yield from self.flat(part.wrapped, trainable)
        for name, weight in self.places.owned(part):
            yield name, weight, trainable and weight.trainable


def sizes(weight: Weight) -> tuple[int, ...]:
    return tuple(dim for dim in weight.shape if isinstance(dim, int))
