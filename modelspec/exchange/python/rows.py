"""Raw rows as tensors, and outputs as what they stand for: plain functions that a file takes along.

Each stands in the file as it stands here, and so does what it calls of the engine's. A cell is a
number, a text, or a list of cells, as a CSV file, a line of JSON or a table has them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.engine.data.words import words_of


def number(cell: Any) -> Any:
    """A cell as a number, or as lists of numbers."""
    if isinstance(cell, list):
        return [number(one) for one in cell]
    if not isinstance(cell, str):
        return cell
    try:
        return int(cell)
    except ValueError:
        return float(cell)


def numbers(*cells: Any) -> Tensor:
    """Cells as a tensor; those of several columns stand side by side."""
    parts = []
    for cell in cells:
        values = number(cell)
        part = torch.as_tensor(values)
        if part.is_floating_point():  # as exact as Python's own
            part = torch.as_tensor(values, dtype=torch.float64)
        parts.append(part if len(cells) == 1 else (part if part.ndim else part[None]))
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def standardized(values: Tensor, mean: Any, deviation: Any) -> Tensor:
    """Values with mean 0 and variance 1, where they are like those of the training data."""
    double = torch.float64
    return (values - torch.tensor(mean, dtype=double)) / torch.tensor(deviation, dtype=double)


def raw(values: Tensor, mean: Any, deviation: Any) -> Tensor:
    """What was standardized, as it was."""
    double = torch.float64
    whole = values * torch.tensor(deviation, dtype=double) + torch.tensor(mean, dtype=double)
    return whole.to(values.dtype)


def scaled(values: Tensor, smallest: Any, largest: Any, ends: tuple[float, float]) -> Tensor:
    """Values between the two ends, where they are like those of the training data."""
    start = torch.tensor(smallest, dtype=torch.float64)
    width = torch.tensor(largest, dtype=torch.float64) - start
    share = (values - start) / torch.where(width == 0, 1.0, width)
    return share * (ends[1] - ends[0]) + ends[0]


def unscaled(values: Tensor, smallest: Any, largest: Any, ends: tuple[float, float]) -> Tensor:
    """What was scaled, as it was."""
    start = torch.tensor(smallest, dtype=torch.float64)
    width = torch.tensor(largest, dtype=torch.float64) - start
    share = (values - ends[0]) / (ends[1] - ends[0])
    return (share * torch.where(width == 0, 1.0, width) + start).to(values.dtype)


def key(name: Any) -> str:
    """What makes two classes the same: 3, 3.0 and the text "3" are."""
    if isinstance(name, bool):
        return str(name).lower()
    if isinstance(name, float) and name.is_integer():
        return str(int(name))
    return str(name)


def places_of(classes: list[Any]) -> dict[str, int]:
    """The place of each class."""
    return {key(name): place for place, name in enumerate(classes)}


def place(cell: Any, known: dict[str, int]) -> Any:
    """The place of a class; in lists, of each."""
    if isinstance(cell, list):
        return [place(one, known) for one in cell]
    if key(cell) not in known:
        raise ValueError(f"{cell!r} is not among the classes: {', '.join(list(known)[:12])}")
    return known[key(cell)]


def labels(cells: tuple[Any, ...], known: dict[str, int]) -> Tensor:
    """Classes as their places; those of several columns stand side by side."""
    return numbers(*(place(cell, known) for cell in cells))


def flat(cells: Any) -> list[Any]:
    """All cells of lists in lists."""
    if not isinstance(cells, list | tuple):
        return [cells]
    return [one for cell in cells for one in flat(cell)]


def one_hot(cells: tuple[Any, ...], columns: list[dict[str, int]]) -> Tensor:
    """A one at the place of each class, and zeros; each column has classes of its own."""
    parts = []
    for cell, known in zip(flat(cells), columns, strict=True):
        part = torch.zeros(len(known))
        part[place(cell, known)] = 1.0
        parts.append(part)
    return torch.cat(parts)


def named(values: Tensor, classes: list[Any]) -> Any:
    """The likeliest class, or the class of each place; one probability is the second class's."""
    if values.is_floating_point():
        if values.ndim and values.shape[-1] == len(classes) > 1:
            values = values.argmax(-1)
        else:
            single = values[..., 0] if values.ndim else values
            values = (single > 0.5).long().clamp(max=len(classes) - 1)
    chosen = values.tolist()
    return of_each(chosen, classes)


def of_each(chosen: Any, classes: list[Any]) -> Any:
    """The class of a place; in lists, of each."""
    if isinstance(chosen, list):
        return [of_each(one, classes) for one in chosen]
    return classes[chosen]


def words(cells: tuple[Any, ...], vocabulary: dict[str, int], length: int) -> Tensor:
    """The places of a text's words: 0 is padding, 1 an unknown word; cut, or filled up."""
    found = [vocabulary.get(word, 1) for word in words_of(" ".join(flat(cells)))[:length]]
    return torch.tensor(found + [0] * (length - len(found)))


def text_of(values: Tensor, vocabulary: dict[str, int]) -> str:
    """The text of places, or of a score for each word at each place."""
    if values.is_floating_point():
        values = values.argmax(-1) if values.ndim > 1 else values.round().long()
    names = {0: "", **{at: word for word, at in vocabulary.items()}}
    found = [names.get(at, "[UNK]") for at in values.flatten().tolist()]
    return " ".join(word for word in found if word)


def one_hot_places(places: list[int], depth: int) -> Tensor:
    """A vector for each place, of a one and zeros; for one place alone, its vector."""
    vectors = (torch.tensor(places)[:, None] == torch.arange(depth)).float()
    return vectors[0] if len(places) == 1 else vectors


def multi_hot_places(places: list[int], depth: int) -> Tensor:
    """Ones at all the places; -1 is none."""
    return (torch.tensor(places)[:, None] == torch.arange(depth)).any(0).float()


def counted_places(places: list[int], depth: int) -> Tensor:
    """How often each place stands there; -1 is none."""
    return (torch.tensor(places)[:, None] == torch.arange(depth)).sum(0).float()


def together(tensors: list[Tensor]) -> Tensor:
    """A batch of samples; shorter ones are filled up with zeros."""
    longest = max(tensors, key=len) if tensors[0].ndim else tensors[0]
    if all(one.shape == longest.shape for one in tensors):
        return torch.stack(tensors)
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
