"""Loss scaling: what keeps small gradients from vanishing in half precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

INITIAL, PATIENCE = 2.0**15, 2000


class LossScale:
    """The factor on the loss, as Keras's LossScaleOptimizer moves it: doubled after `PATIENCE`
    steps whose gradients were finite, halved after one whose were not, which is left out.
    """

    def __init__(self) -> None:
        self.scale, self.good = INITIAL, 0

    def unscaled(self, gradients: list[Tensor]) -> list[Tensor] | None:
        """The gradients of the loss itself, or None where one is not finite. Moves the scale, and
        waits for the device.
        """
        whole = list(torch._foreach_mul(gradients, 1.0 / self.scale))
        norms = torch.stack([norm.float() for norm in torch._foreach_norm(whole, float("inf"))])
        if not bool(norms.isfinite().all()):
            self.scale, self.good = self.scale / 2, 0
            return None
        self.good += 1
        if self.good == PATIENCE:
            self.scale, self.good = self.scale * 2, 0
        return whole

    def state(self) -> list[float | int]:
        return [self.scale, self.good]

    def restore(self, state: object) -> bool:
        """Take up what a checkpoint kept; whether it was any good."""
        match state:
            case [float() | int() as scale, int() as good] if scale > 0 and good >= 0:
                self.scale, self.good = float(scale), good
                return True
        return False


class FixedScale:
    """A factor that stays as it is: the optimizer's `loss_scale_factor`."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def unscaled(self, gradients: list[Tensor]) -> list[Tensor] | None:
        """The gradients of the loss itself."""
        return list(torch._foreach_div(gradients, self.scale))

    def state(self) -> list[float | int]:
        return []

    def restore(self, state: object) -> bool:
        """There is nothing to take up."""
        return state == []


def scaling(training: Any) -> LossScale | FixedScale | None:
    """What the loss is scaled by, if it is."""
    if training.precision == "float16":
        return LossScale()
    factor: float | None = training.optimizer.loss_scale_factor
    return None if factor is None else FixedScale(factor)
