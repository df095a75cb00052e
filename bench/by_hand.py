"""The guide's models as a practised PyTorch user writes them: the side to be as fast as.

Modules of torch.nn, data in memory, shuffled index batches, losses on logits, multi-tensor
optimizers, channels-last convolutions, nothing read back before the epoch's end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Data = dict[str, Tensor]


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, batch: Data) -> Tensor:
        return self.body(batch["inputs"])

    def loss(self, logits: Tensor, batch: Data) -> Tensor:
        return F.cross_entropy(logits, batch["predictions"])

    def right(self, logits: Tensor, batch: Data) -> Tensor:
        return (logits.argmax(-1) == batch["predictions"].argmax(-1)).sum()


class Headline(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedded = nn.Embedding(10000, 512)
        self.lstm = nn.LSTM(512, 32, batch_first=True)
        self.aux = nn.Linear(32, 1)
        self.deep = nn.Sequential(
            nn.Linear(37, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64),
            nn.ReLU(), nn.Linear(64, 1),
        )  # fmt: skip

    def forward(self, batch: Data) -> tuple[Tensor, Tensor]:
        out = self.lstm(self.embedded(batch["main_input"]))[0][:, -1]
        return self.deep(torch.cat([out, batch["aux_input"]], 1)), self.aux(out)

    def loss(self, logits: tuple[Tensor, Tensor], batch: Data) -> Tensor:
        main = F.binary_cross_entropy_with_logits(logits[0], batch["main_output"])
        aux = F.binary_cross_entropy_with_logits(logits[1], batch["aux_output"])
        return main + 0.2 * aux


class Tweets(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(256, 64, batch_first=True)
        self.out = nn.Linear(128, 1)

    def forward(self, batch: Data) -> Tensor:
        read = [self.encoder(batch[name])[0][:, -1] for name in ("tweet_a", "tweet_b")]
        return self.out(torch.cat(read, 1))

    def loss(self, logits: Tensor, batch: Data) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, batch["predictions"])

    def right(self, logits: Tensor, batch: Data) -> Tensor:
        return ((logits > 0) == batch["predictions"]).sum()


class SameDigit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vision = nn.Sequential(
            nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3), nn.MaxPool2d(2), nn.Flatten()
        ).to(memory_format=torch.channels_last)
        self.out = nn.Linear(2 * 64 * 11 * 11, 1)

    def forward(self, batch: Data) -> Tensor:
        seen = [self.vision(batch[name].permute(0, 3, 1, 2)) for name in ("digit_a", "digit_b")]
        return self.out(torch.cat(seen, 1))

    def loss(self, logits: Tensor, batch: Data) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, batch["out"])

    def right(self, logits: Tensor, batch: Data) -> Tensor:
        return ((logits > 0) == batch["out"]).sum()


MODELS: dict[str, type[nn.Module]] = {
    "mlp": MLP, "headline": Headline, "tweets": Tweets, "same_digit": SameDigit,
}  # fmt: skip


def epoch_of(name: str, data: Data, batch_size: int) -> Callable[[], tuple[float, float]]:
    """A function that trains one epoch over the data, and gives its mean loss and accuracy."""
    model = MODELS[name]()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7, foreach=True)
    count = len(next(iter(data.values())))

    def epoch() -> tuple[float, float]:
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for chosen in torch.randperm(count).split(batch_size):
            batch = {name: tensor[chosen] for name, tensor in data.items()}
            logits = model(batch)
            loss = model.loss(logits, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(chosen)
            if hasattr(model, "right"):
                with torch.no_grad():
                    right += model.right(logits, batch)
        return total.item() / count, right.item() / count

    return epoch
