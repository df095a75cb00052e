"""Where samples come from: files by format, packaged sets, random numbers.

Rows (or the entries along an array's first axis) are samples. A path is relative to the file that
names it; a glob or a list of paths is one source, its files one after the other.
"""

from __future__ import annotations

import os
from typing import ClassVar

from modelspec.language.kinds import Bool, Choice, Int, ListOf, Path, Text
from modelspec.language.word import Reject, Word

#: The ending of a path -> the format that it stands for; "" is a folder.
ENDINGS: dict[str, str] = {
    ".npz": "NPZ",
    ".npy": "NPY",
    "": "NPY",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".jsonl": "JSONL",
    ".ndjson": "JSONL",
    ".parquet": "Parquet",
    ".arrow": "Arrow",
    ".feather": "Arrow",
}


def format_of(paths: list[str]) -> str:
    """The source that reads these paths, by their ending; raises `Reject`."""
    found = {os.path.splitext(path.rstrip("/"))[1].lower() for path in paths}
    if len(found) > 1:
        listed = ", ".join(f"`{ending or 'a folder'}`" for ending in sorted(found))
        raise Reject("path", f"the files of one source have one format, and these end in {listed}")
    ending = found.pop() if found else "an empty list"
    if ending not in ENDINGS:
        known = ", ".join(f"`{ending}`" for ending in ENDINGS if ending)
        raise Reject(
            "path",
            f"no format is known by the ending `{ending}`",
            f"known are {known} and folders of .npy files or of images; "
            "for another ending, write {type: CSV, path: ...}",
        )
    return ENDINGS[ending]


def _path(doc: str) -> ListOf:
    return ListOf(doc, Path(doc), single=True)


class NPZ(Word):
    """NumPy's .npz archive: one array a column, samples along the first axis."""

    group = "sources"
    path = _path("The file, a glob, or a list of them.")


class NPY(Word):
    """A folder of .npy files: one array a column, named by its file; read from the disk as needed.

    A list of .npy files is one such folder; several folders follow one another. A folder without
    .npy files, but with sub-folders of images, is read as `Images` with its defaults.
    """

    group = "sources"
    path = _path("The folder, a glob, or a list of them.")


class Delimited(Word):
    """A text file of rows, a sample each, with separated cells (RFC 4180, UTF-8)."""

    group = "sources"
    path = _path("The file, a glob, or a list of them.")
    header = Bool("Whether the first row names the columns; else they are 0, 1, ...", default=True)


class CSV(Delimited):
    """Rows of cells between commas, or another delimiter."""

    delimiter = Text("The one character between cells.", default=",")

    def check(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n' or ord(self.delimiter) > 127:
            raise Reject(
                "delimiter",
                "a delimiter is one ASCII character, and neither a quote nor a line end",
                'such as "," ";" "|", or "\\t" in double quotes',
            )


class TSV(Delimited):
    """Rows of cells between tabs."""

    delimiter = "\t"


class JSONL(Word):
    """One JSON object a line: its keys are the columns, its values numbers, strings or lists."""

    group = "sources"
    path = _path("The file, a glob, or a list of them.")


class Parquet(Word):
    """A Parquet file: columns of numbers, texts, or lists of one length, which are vectors.

    Needs the extra `parquet` (pyarrow). Row groups are read as they are asked for.
    """

    group = "sources"
    path = _path("The file, a glob, or a list of them.")


class Arrow(Word):
    """An Arrow IPC file, or a Feather file of version 2: columns as in `Parquet`; mapped.

    Needs the extra `parquet` (pyarrow).
    """

    group = "sources"
    path = _path("The file, a glob, or a list of them.")


class Images(Word):
    """A folder with a sub-folder for each class: `image` (height, width, channels), and `label`.

    PNG, JPEG, BMP and GIF (its first picture), 0 to 255, decoded as they are asked for. `label` is
    the sub-folder's name; without an encoder, its place among the sorted names of this source
    (`encode: Labels` keeps train's names with the run). Samples stand class by class, so validation
    wants a folder of its own, and no share. Needs the extra `image` (Pillow).
    """

    group = "sources"
    path = _path("The folder, a glob, or a list of them.")
    size = ListOf(
        "[height, width] that images are resized to; null takes those of one size as they are.",
        Int("A number of pixels.", min=1),
        length=2,
        default=None,
    )
    mode = Choice("Three channels, or one.", "rgb", "grayscale", default="rgb")


class Synthetic(Word):
    """Random samples of the declared shapes, for a quick check that a spec trains.

    Float inputs are normal, float targets zeros and ones (one-hot over a last axis of two or more),
    integers below what the model takes; an unknown dimension is 32.
    """

    group = "sources"
    samples = Int("How many.", min=1)
    seed = Int("Another seed gives other samples.", default=0, min=0)


class Digits(Word):
    """1,797 handwritten digits: `image` (8, 8, 1), 0 to 16, and `label`, 0 to 9.

    From UCI's Optical Recognition of Handwritten Digits, CC BY 4.0; packaged.
    """

    group = "sources"
    samples: ClassVar[int] = 1797


class DigitPairs(Word):
    """7,180 pairs of `Digits`: `image_a` and `image_b` (8, 8, 1), and `same`, 0 or 1, half each.

    The first 80 % of the pairs use the first 1,436 images alone, the last 20 % the next 359 alone:
    with `validation: 0.2` no validation image is ever trained on.
    """

    group = "sources"
    samples: ClassVar[int] = 7180
