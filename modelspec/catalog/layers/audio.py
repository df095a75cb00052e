"""Sound as pictures of its frequencies over time."""

from __future__ import annotations

from collections.abc import Iterator

from modelspec.catalog.initializers import STFT, WINDOWS
from modelspec.catalog.spatial import axes, data_format, slid
from modelspec.language.kinds import Bool, Choice, Either, Float, Int, ListOf
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape, size


def numbers() -> ListOf:
    return ListOf("The window itself, a number for each sample of a frame.", Float("A factor."))


class MelSpectrogram(Layer):
    """How loud each of the mel scale's bands is over time: `(bands, time)` for a signal.

    Decibels are cut `top_db` below the loudest value of the whole batch, as Keras does.
    """

    takes = "samples"
    accepts = "float"
    per_batch = True
    fft_length = Int("How many samples a Fourier transform sees.", default=2048, min=1)
    sequence_stride = Int("How many samples apart two columns are.", default=512, min=1)
    sequence_length = Int("How long the window is; null is `fft_length`.", default=None, min=1)
    window = Either(
        "What fades out a frame at its ends; null does not.",
        Choice("By name.", "hann", "hamming"), numbers(),
        default="hann", null=True,
    )  # fmt: skip
    sampling_rate = Int("Samples a second.", default=16000, min=1)
    num_mel_bins = Int("How many bands.", default=128, min=1)
    min_freq = Float("The lowest frequency, in hertz.", default=20.0, min=0)
    max_freq = Float("The highest frequency; null is half the sampling rate.", default=None,
                     above=0)  # fmt: skip
    power_to_db = Bool("Whether power becomes decibels.", default=True)
    top_db = Float("How far below the loudest value decibels are cut.", default=80.0)
    mag_exp = Float("The power of the magnitude: 1 is magnitude, 2 power.", default=2.0)
    min_power = Float("The least power that is told from silence.", default=1e-10, above=0)
    ref_power = Float("The power that is 0 decibels.", default=1.0)

    @property
    def length(self) -> int:
        """How long the window is."""
        return self.sequence_length or self.fft_length

    @property
    def highest(self) -> float:
        """The highest frequency."""
        return self.max_freq or float(self.sampling_rate // 2)

    def check(self) -> None:
        if self.length > self.fft_length:
            raise Reject("sequence_length", f"a window of {self.length} does not fit into "
                         f"`fft_length`, {self.fft_length}")  # fmt: skip
        if isinstance(self.window, list) and len(self.window) != self.length:
            raise Reject("window", f"{len(self.window)} numbers are no window of {self.length}")
        if self.highest <= self.min_freq:
            raise Reject("max_freq", f"the bands end at {self.highest:g} hertz, and begin at "
                         f"{self.min_freq:g}")  # fmt: skip

    def shape(self, x: Shape) -> Shape:
        (samples,) = x
        if isinstance(samples, int) and samples <= self.fft_length // 2:
            raise Reject("fft_length", f"a signal of {samples} is too short for a transform of "
                         f"{self.fft_length}: it sees half of that beyond each end")  # fmt: skip
        if not isinstance(samples, int):
            return (self.num_mel_bins, None)
        beyond = 2 * (self.fft_length // 2) - self.fft_length  # one sample less if it is odd
        return (self.num_mel_bins, (samples + beyond) // self.sequence_stride + 1)

    def flops(self, output: Shape, x: Shape) -> int | None:
        count, bins = size(output), self.fft_length // 2 + 1
        if count is None:
            return None
        turns = 5 * self.fft_length * self.fft_length.bit_length()
        return 2 * count * bins + turns * (count // self.num_mel_bins)


class STFTSpectrogram(Layer):
    """How strong each frequency is over time, found by convolutions whose kernels can be trained.

    Every channel is seen alone; its frequencies stand side by side, or with `expand_dims` in an
    axis of their own.
    """

    accepts = "float"
    mode = Choice(
        "What comes out: the logarithm of the magnitude, the magnitude, the power density, one of "
        "the complex parts, the angle, or both parts side by side.",
        "log", "magnitude", "psd", "real", "imag", "angle", "stft",
        default="log",
    )  # fmt: skip
    frame_length = Int("How many samples a frame has.", default=256, min=2)
    frame_step = Int("How many samples apart frames are; null is half a frame.", default=None,
                     min=1)  # fmt: skip
    fft_length = Int("How many samples the transform sees; null is the next power of two.",
                     default=None, min=2)  # fmt: skip
    window = Either(
        "What fades out a frame at its ends; null does not.",
        Choice("By the name that SciPy has for it.", *WINDOWS), numbers(),
        default="hann", null=True,
    )  # fmt: skip
    periodic = Bool("Whether the window goes round, its last value left out.", default=False)
    scaling = Choice(
        "What the window is divided by: its root of squares, or its sum.",
        "density", "spectrum",
        default="density", null=True,
    )  # fmt: skip
    padding = Choice("`same` pads the ends with zeros.", "valid", "same", default="valid")
    expand_dims = Bool("Whether frequencies have an axis of their own.", default=False)
    data_format = data_format()

    @property
    def takes(self) -> str:
        return axes(1, self.data_format)

    @property
    def step(self) -> int:
        return self.frame_step or self.frame_length // 2

    @property
    def transform(self) -> int:
        """How many samples the transform sees."""
        return self.fft_length or 1 << (self.frame_length - 1).bit_length()

    @property
    def frequencies(self) -> int:
        return self.transform // 2 + 1

    def kernel(self, side: str) -> STFT:
        """How a kernel starts."""
        window, scaling = self.window, self.scaling
        return STFT.of({"side": side, "window": window, "scaling": scaling,
                        "periodic": self.periodic})  # fmt: skip

    def check(self) -> None:
        if self.step > self.frame_length:
            raise Reject("frame_step", f"frames of {self.frame_length}, {self.step} apart, would "
                         "miss samples")  # fmt: skip
        if self.transform < self.frame_length:
            raise Reject("fft_length", f"a frame of {self.frame_length} does not fit into "
                         f"`fft_length`, {self.transform}")  # fmt: skip
        misfit = self.kernel("real").misfit((self.frame_length, 1, self.frequencies))
        if misfit is not None:
            raise misfit

    def shape(self, x: Shape) -> Shape:
        first = self.data_format == "channels_first"
        time, channels = (x[1], x[0]) if first else x
        (steps,) = slid("frame_length", (time,), (self.frame_length,), (self.step,), self.padding)
        found = self.frequencies * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (channels, steps, found) if first else (steps, found, channels)
        wide = channels * found if isinstance(channels, int) else None
        return (wide, steps) if first else (steps, wide)

    def weights(self, x: Shape) -> Iterator[Weight]:
        shape = (self.frame_length, 1, self.frequencies)
        for side in ("real", "imag"):
            if self.mode not in {"real", "imag"} - {side}:
                yield Weight(f"{side}_kernel", shape, self.kernel(side))

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        sides = 1 if self.mode in ("real", "imag", "stft") else 2
        return None if count is None else 2 * count * sides * self.frame_length
