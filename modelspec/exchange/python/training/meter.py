"""The part of a script that counts an epoch's losses and metrics."""

from __future__ import annotations

from modelspec.exchange.python.training.lines import broken
from modelspec.exchange.python.training.objective import Metric
from modelspec.exchange.python.writer import identifier

START = '''class Meter:
    """An epoch's values, under Keras's names."""

    def __init__(self) -> None:
        self.count, self.sums = 0, {}'''

ADD = '''
    @torch.no_grad()
    def add(self, losses: Samples, outputs: Samples, batch: Samples) -> None:
        """Count a batch; means go by how many samples it has."""
        n = len(next(iter(batch.values())))
        self.count += n
        values = dict(losses)'''

SUM = """\
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + n * value.double()"""

RESULT = '''
    def result(self) -> dict[str, float]:
        """All values so far."""
        means = {name: float(total) / self.count for name, total in self.sums.items()}
        return {'''


def meter(metrics: list[Metric], losses: list[str]) -> str:
    """The class that counts an epoch's values."""
    states = [one for one in metrics if one.state]
    lines = [START, *(line for one in states for line in begun(one)), ADD]
    lines += ["        outputs = finished(outputs)"] if metrics else []
    for one in metrics:
        if not one.state:
            lines += broken(f"        values[{one.key!r}] = {one.values}.float().mean()")
    lines.append(SUM)
    for one in states:
        own = f"self.{attribute(one)}"
        lines += broken(f"        {own} = {one.counts}({own}, {one.target}, {one.output})")
    lines.append(RESULT)
    lines += [f"            {name!r}: means[{name!r}]," for name in losses]
    for one in metrics:
        lines += broken(f"            {one.key!r}: {shown(one)},")
    return "\n".join([*lines, "        }"])


def begun(one: Metric) -> list[str]:
    """The lines that begin a metric's state."""
    lines = [f"        self.{attribute(one)} = {{"]
    for name, (shape, dtype) in one.state.items():
        made = f"torch.zeros({tuple(shape)}, dtype=torch.{dtype}, device=DEVICE)"
        lines.append(f"            {name!r}: {made},")
    return [*lines, "        }"]


def shown(one: Metric) -> str:
    """A metric over all samples, as an expression."""
    if not one.state:
        return f"means[{one.key!r}]" + (" ** 0.5" if one.is_root else "")
    own = f"self.{attribute(one)}"
    return f"{one.result}({own})" if one.result else f'float({own}["total"])'


def attribute(one: Metric) -> str:
    return f"{identifier(one.key)}_state"
