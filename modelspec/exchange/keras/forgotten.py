"""Masks that Keras loses on the way, taken off where an attention would still see them here.

Keras's MultiHeadAttention takes the mask off the very tensors that it reads. Whoever reads one of
them later finds none: the sum around an attention has no mask, nor has an attention behind it.
Masks that Keras wrote into a call reach it all the same.
"""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras.entries import PRECISIONS, declared, policy
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.masks import ARGUMENTS, RECURRENT, TAKE, key, prune
from modelspec.exchange.keras.model import Model, Node, Part, Tensor, tensors
from modelspec.exchange.keras.order import by_depth

#: What takes masks of several tensors: Keras does not write these into a call.
ATTENTIONS = ("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention",
              "Attention", "AdditiveAttention")  # fmt: skip
#: Layers that leave out what is masked of the tensors that they merge.
LEAVE_OUT = ("Multiply", "Maximum", "Minimum")
#: Layers that hand on the very tensor that they are called on, an Activation that is linear too.
AS_IT_IS = ("Identity", "Activation", "ActivityRegularization", "Dropout", "AlphaDropout",
            "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D",
            "SpatialDropout3D")  # fmt: skip

TORN = "Keras hands it a mask that an attention above it has lost"
PAST = "Keras hands it a mask that a layer above it, given its first state, has not read by"
GIVE_MASK = (
    "give that layer `mask=` in its call in Keras, or take the mask off what it reads, check what "
    "the model predicts, and save it again"
)
READ_ALONE = (
    "in Keras, MultiHeadAttention takes the mask off what it reads: let it read a tensor that "
    "nothing else reads, such as a LayerNormalization of it, check what the model predicts, and "
    "save it again"
)


Plain = dict[str, Any]


class Mask:
    """Whether one tensor has a mask: here, and in Keras when the model runs; `bare` where it would
    have one here, had nothing above it been taken off; `past` where a layer hands it on in Keras
    that does not read by it.
    """

    __slots__ = ("bare", "here", "past", "there")

    def __init__(
        self, here: bool = False, there: bool = False, bare: bool = False, past: bool = False
    ) -> None:
        self.here, self.there, self.bare, self.past = here, there, bare, past


def forget(model: Model, faults: Faults) -> None:
    """Let the layers of a model of Keras 3 read without masks where they do there."""
    begins = [Mask() for _ in tensors(model.inputs)]
    masks = Walk(model, begins, faults).run()
    for tensor, mask in zip(tensors(model.outputs), masks, strict=True):
        if mask.past:
            faults.note(f"the loss of `{tensor.part}` counts masked steps, which Keras leaves out")


class Walk:
    """One pass over a model's calls, in the order that Keras runs them."""

    def __init__(self, model: Model, given: list[Mask], faults: Faults) -> None:
        self.model, self.faults = model, faults
        inputs = map(key, tensors(model.inputs))
        self.held: dict[tuple[str, int, int], Mask] = dict(zip(inputs, given, strict=False))

    def run(self) -> list[Mask]:
        """The masks of the model's outputs."""
        for part, at in by_depth(self.model):
            for index, mask in enumerate(self.made(part, part.nodes[at])):
                self.held[part.name, at, index] = mask
        return [self.mask(tensor) for tensor in tensors(self.model.outputs)]

    def mask(self, tensor: Tensor) -> Mask:
        return self.held.get(key(tensor)) or Mask()

    def made(self, part: Part, node: Node) -> list[Mask]:
        """What a call does to the masks that it reads, and those that it gives."""
        read = [t for name, t in named(node) if name not in ARGUMENTS]
        masks = [self.mask(tensor) for tensor in read]
        if any(mask.past for mask in masks) and part.kind in (*TAKE, *LEAVE_OUT, *ATTENTIONS):
            self.faults.refuse(part.name, PAST, GIVE_MASK)
        if part.kind in ATTENTIONS and not part.is_operation:
            return [self.attended(part, node, read, masks)]
        if part.kind in AS_IT_IS and part.config.get("activation", "linear") == "linear":
            return masks[:1]
        written = next(tensors(node.kwargs.get("mask")), None) is not None
        if written and any(mask.bare for mask in masks):
            if part.kind == "GlobalAveragePooling1D" and not part.config.get("keepdims"):
                self.spell(part, node, read[0])
                return [Mask()]
            self.faults.refuse(part.name, TORN, READ_ALONE)
        if part.model is not None:
            given_back(node, masks)
            return Walk(part.model, masks, self.faults).run()
        if given_a_state(part, node) and not written:
            return [self.read_past(part, read, masks)]
        if part.kind in (*TAKE, *LEAVE_OUT) and not written:
            masks = self.without_lost(part, read, masks)
        here = passes(part, [mask.here for mask in masks])
        there = passes(part, [written or mask.there for mask in masks])
        past = there and any(mask.past for mask in masks)
        return [Mask(here, there, any(mask.bare for mask in masks), past)]

    def read_past(self, part: Part, read: list[Tensor], masks: list[Mask]) -> Mask:
        """The mask of what a layer gives that is called on a state too: Keras 3 hands such a call
        no mask, and what it gives the mask of the sequence.
        """
        if masks[0].here:
            why = f"`{part.name}` is given its first state, and so in Keras reads the masked steps"
            self.take_off(part, read[0], f"{why} of `{read[0].part}` too")
        there = passes(part, [masks[0].there])
        return Mask(False, there, masks[0].bare, there)

    def attended(self, part: Part, node: Node, read: list[Tensor], masks: list[Mask]) -> Mask:
        """The mask of what an attention gives: that of its query."""
        written = any(next(tensors(node.kwargs.get(name)), None) is not None for name in ARGUMENTS)
        query = (masks if written else self.without_lost(part, read, masks))[0]
        given = Mask(query.here, query.there, query.bare)
        if part.kind == "MultiHeadAttention":
            for mask in masks:
                mask.there = False
        return given

    def without_lost(self, reader: Part, read: list[Tensor], masks: list[Mask]) -> list[Mask]:
        """The masks of what a call reads that takes them, after those are off that Keras lost."""
        found = list(masks)
        for at, (tensor, mask) in enumerate(zip(read, masks, strict=True)):
            if mask.here and not mask.there:
                why = (
                    f"in Keras `{tensor.part}` has no mask any more where `{reader.name}` reads it"
                )
                self.take_off(reader, tensor, f"{why} it: an attention before it took it off")
                found[at] = Mask(bare=True)
        return found

    def take_off(self, reader: Part, tensor: Tensor, why: str) -> None:
        """Put a cast before a tensor's reader: an operation, and so without a mask."""
        name = f"{tensor.part}_{tensor.node}_unmasked" if tensor.node else f"{tensor.part}_unmasked"
        if name not in self.model.by_name:
            source = Tensor(tensor.part, tensor.node, tensor.index, tensor.shape)
            self.operation("Cast", name, {"dtype": computes(reader)}, [source])
            self.faults.note(why)
        tensor.part, tensor.node, tensor.index = name, 0, 0

    def spell(self, pooling: Part, node: Node, x: Tensor) -> None:
        """The mean over steps that Keras masks though their tensor has no mask here any more: by
        the operations that Keras makes the mask with.
        """
        written = next(tensors(node.kwargs["mask"]))
        name, mask = pooling.name, self.first(written)
        there = self.operation("Cast", f"{name}_there", {"dtype": computes(pooling)}, [mask])
        how = {"subscripts": "bt,btf->bf"}
        total = self.operation("Einsum", f"{name}_sum", how, [there, x])
        count = self.operation("Sum", f"{name}_count", {"axis": 1, "keepdims": True}, [there])
        pooling.kind, pooling.module, pooling.config = "Divide", "keras.ops", {}
        pooling.nodes = [Node([total, count], {})]
        prune(self.model, {written.part})
        self.faults.note(f"in Keras `{name}` leaves out steps whose mask an attention took off")

    def first(self, mask: Tensor) -> Tensor:
        """A mask without what Keras joins it to itself by, in a sum of two masked alike."""
        part = self.model.by_name[mask.part]
        joined = part.nodes[mask.node].tensors() if part.kind == "LogicalOr" else []
        return self.first(joined[0]) if len({key(one) for one in joined}) == 1 else mask

    def operation(self, kind: str, name: str, config: Plain, read: list[Tensor]) -> Tensor:
        """A further operation of the model."""
        written = {"class_name": kind, "name": name, "module": "keras.ops", "config": config}
        part = Part(written, self.faults)
        part.nodes = [Node(list(read), {})]
        self.model.parts.append(part)
        self.model.by_name[name] = part
        return Tensor(name, 0, 0)


def computes(part: Part) -> str:
    """The dtype that a layer computes in."""
    dtype = policy(part.config.get("dtype"))
    return PRECISIONS.get(dtype, dtype)


def given_a_state(part: Part, node: Node) -> bool:
    """Whether a recurrent layer is called on its first state too: it reads no mask then."""
    mask = list(tensors(node.kwargs.get("mask")))
    return part.kind in RECURRENT and len(node.tensors()) > 1 + len(mask)


def given_back(node: Node, masks: list[Mask]) -> None:
    """Let a model have the masks that Keras wrote into its call: it puts them on its inputs."""
    written = node.kwargs.get("mask")
    listed = written if isinstance(written, list) else [written]
    for mask, one in zip(masks, listed, strict=False):
        mask.there = mask.there or isinstance(one, Tensor)


def passes(part: Part, masks: list[bool]) -> bool:
    """Whether what a layer gives has a mask, where it is called on tensors that have these."""
    if part.kind == "Masking" or part.config.get("mask_zero") is True:
        return True
    cls = declared(part)
    if cls is None or part.is_operation or cls.masking == "drop" or part.kind == "Embedding":
        return False
    if part.kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        return bool(masks) and all(masks)
    if "return_sequences" in part.config and not part.config["return_sequences"]:
        return False
    return any(masks)


def named(node: Node) -> list[tuple[str, Tensor]]:
    """The tensors of a call, by the keyword that each stands under."""
    found = [("", tensor) for tensor in tensors(node.args)]
    for name, value in node.kwargs.items():
        found += [(name, tensor) for tensor in tensors(value)]
    return found
