"""The parts of a script that are the same for every run."""

BATCHES = '''def batches(samples: Samples, order: Tensor) -> Iterator[Samples]:
    """Batches in that order; the last one holds what is left."""
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        yield {name: values[chosen].to(DEVICE) for name, values in samples.items()}'''

EVALUATE = '''@torch.no_grad()
def evaluate(model: nn.Module, samples: Samples) -> dict[str, float]:
    """Losses and metrics over samples that are not trained on."""
    model.eval()
    meter, count = Meter(), len(next(iter(samples.values())))
    for batch in batches(samples, torch.arange(count)):
        losses, outputs = losses_of(model, batch)
        meter.add(losses, outputs, batch)
    return meter.result()'''

LINE = '''def line_of(epoch: int, epochs: int, logs: dict) -> str:
    """An epoch's values in a line."""
    values = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in logs.items()
    ]
    return f"epoch {epoch}/{epochs}  " + "  ".join(values)'''

MAIN = """def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--fresh", action="store_true", help="start from weights drawn anew")
    parser.add_argument("-o", "--output", default=HERE / "STEM_trained.safetensors")
    given = parser.parse_args()
    torch.manual_seed(SEED)
    model = ready(load(str(HERE / "STEM.safetensors")))
    if given.fresh:
        start_anew(model)
    train(model, given.epochs)
    save(model.state_dict(), given.output)
    print(given.output)


if __name__ == "__main__":
    main()"""

IN_ORDER = '''def order(count: int, epoch: int) -> Tensor:
    """The order of samples, in every epoch."""
    return torch.arange(count)'''

NUMPYS_ORDER = '''def order(count: int, epoch: int) -> Tensor:
    """The order of samples in an epoch: a function of SEED and the epoch."""
    draw = np.random.Generator(np.random.Philox(key=[SEED, epoch]))
    return torch.from_numpy(draw.permutation(count))'''

TORCHS_ORDER = '''def order(count: int, epoch: int) -> Tensor:
    """The order of samples in an epoch: a function of SEED and the epoch."""
    draw = torch.Generator().manual_seed(SEED + epoch)
    return torch.randperm(count, generator=draw)'''

SCALER = "SCALER = torch.amp.GradScaler(DEVICE, init_scale=2.0**15, growth_interval=2000)"

DOC = '''"""Trains the model of STEM.py: python train_STEM.py [--epochs N] [--fresh]

It starts from STEM.safetensors, or from weights drawn anew, and leaves
STEM_trained.safetensors, which `load` reads. Losses, metrics and updates have Keras's numbers.
ORDER
"""'''
#: What the head says of the order of samples, by what it is.
ORDERS = {
    IN_ORDER: "Samples stand in the order of the data; draws of dropout are torch's own.",
    NUMPYS_ORDER: "Samples are shuffled as in the run; draws of dropout are torch's own.",
    TORCHS_ORDER: "Samples are shuffled anew each epoch, in another order than in the run.",
}
