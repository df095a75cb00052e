"""Masks that Keras hands on by itself, taken out of the calls that they are written into.

Keras computes the mask of an Embedding or a Masking layer by operations of its own, and writes
what they give as an argument of every layer that the mask reaches. Here masks go with tensors.
"""

from __future__ import annotations

from modelspec.exchange.keras.model import Model, Node, Part, Tensor, tensors

#: Operations that take the shape of a tensor, and nothing else: masks are joined with them.
ALIKE = ("OnesLike", "ZerosLike")
RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
             "Bidirectional"}  # fmt: skip
#: Layers whose call takes the mask of what they are called on.
TAKE = {"Softmax", "GlobalAveragePooling1D", "BatchNormalization", "TimeDistributed", "Pipeline",
        "Attention", "AdditiveAttention", *RECURRENT}  # fmt: skip
ARGUMENTS = ("mask", "query_mask", "value_mask", "key_mask")


def take_out(model: Model) -> None:
    """Take automatic masks out of a model's calls, and the operations that only they need."""
    masks = Masks(model)
    removed: set[str] = set()
    for part in model.parts:
        for node in part.nodes:
            for name in ARGUMENTS:
                given = list(tensors(node.kwargs.get(name)))
                if given and all(masks.is_automatic(part, node, mask) for mask in given):
                    node.kwargs[name] = None
                    removed |= {mask.part for mask in given}
    if removed:
        prune(model, removed)


class Masks:
    """Where the masks of one model come from."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.starts: dict[tuple[str, int, int], set[tuple[str, int]]] = {}
        for part in model.parts:
            begins = part.kind == "Masking" or part.config.get("mask_zero") is True
            for at, node in enumerate(part.nodes if begins else ()):
                for one in tensors(node.args):
                    self.starts.setdefault(key(one), set()).add((part.name, at))

    def is_automatic(self, part: Part, node: Node, mask: Tensor) -> bool:
        """Whether a mask begins at layers that make masks, and those lie above the call."""
        leaves = self.leaves(mask)
        if leaves is None or not leaves or not all(leaf in self.starts for leaf in leaves):
            return False
        wanted = {start for leaf in leaves for start in self.starts[leaf]}
        return bool(wanted & self.above(node))

    def leaves(self, mask: Tensor) -> set[tuple[str, int, int]] | None:
        """The tensors that operations make a mask of; None where no operation makes it."""
        found: set[tuple[str, int, int]] = set()
        waiting, seen = [mask], set()
        while waiting:
            tensor = waiting.pop()
            part = self.model.by_name[tensor.part]
            if key(tensor) in seen:
                continue
            seen.add(key(tensor))
            if part.is_operation and part.kind in ALIKE:
                continue
            if part.is_operation and key(tensor) not in self.starts:
                waiting += part.nodes[tensor.node].tensors()
            elif tensor is mask:
                return None
            else:
                found.add(key(tensor))
        return found

    def above(self, node: Node) -> set[tuple[str, int]]:
        """The calls that a call's tensors come from, by any path."""
        found: set[tuple[str, int]] = set()
        waiting = list(tensors(node.args))
        while waiting:
            tensor = waiting.pop()
            part = self.model.by_name[tensor.part]
            call = tensor.part, tensor.node
            if call not in found:
                found.add(call)
                waiting += tensors(part.nodes[tensor.node].args) if part.nodes else ()
        return found


def key(tensor: Tensor) -> tuple[str, int, int]:
    return tensor.part, tensor.node, tensor.index


def prune(model: Model, removed: set[str]) -> None:
    """Take operations out that nothing reads any more."""
    while removed:
        read = {one.part for one in tensors(model.outputs)}
        for part in model.parts:
            for node in part.nodes:
                read |= {one.part for one in node.tensors()}
        dead = {name for name in removed if name not in read and model.by_name[name].is_operation}
        removed = {
            one.part
            for name in dead
            for node in model.by_name[name].nodes
            for one in node.tensors()
        }
        model.parts = [part for part in model.parts if part.name not in dead]
        if not dead:
            return
