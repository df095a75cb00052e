"""Metrics of segmentation, from a confusion matrix; numbers of Keras 3."""

from __future__ import annotations

import torch
from torch import Tensor

from modelspec.catalog import iou as words
from modelspec.engine.losses import aligned

State = dict[str, Tensor]
EPSILON = 1e-7


def count(
    word: words.Overlap, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> State:
    """How much weight has which class and was taken for which, `(classes, classes)`."""
    if isinstance(word, words.BinaryIoU):
        y_pred = y_pred >= word.threshold
    true = (y_true if word.sparse_y_true else y_true.argmax(word.axis)).long()
    pred = (y_pred if word.sparse_y_pred else y_pred.argmax(word.axis)).long()
    amounts = torch.ones(true.shape, dtype=torch.float64, device=true.device)
    if weight is not None:
        amounts = amounts * aligned(weight.double(), true)
    true, pred, amounts = true.reshape(-1), pred.reshape(-1), amounts.reshape(-1)
    classes = word.num_classes
    counts = (true >= 0) & (true < classes) & (pred >= 0) & (pred < classes)
    if word.ignore_class is not None:
        counts &= true != word.ignore_class
    index = torch.where(counts, true * classes + pred, 0)
    fresh = torch.zeros_like(state["confusion"]).view(-1)
    fresh.index_add_(0, index, torch.where(counts, amounts, 0))
    return {"confusion": state["confusion"] + fresh.view(classes, classes)}


def overlap(word: words.Overlap, state: State) -> float:
    """The mean over the chosen classes of those that are there at all."""
    matrix = state["confusion"]
    both = matrix.diagonal()
    either = matrix.sum(0) + matrix.sum(1) - both
    if word.target_class_ids is not None:
        both, either = both[word.target_class_ids], either[word.target_class_ids]
    there = either > 1e-9
    shares = torch.where(there, both / (either + EPSILON), 0)
    return float(shares.sum() / (there.sum() + EPSILON))
