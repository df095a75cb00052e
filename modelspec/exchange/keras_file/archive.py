"""The archive of a Keras model: a zip file of its description and its weights."""

from __future__ import annotations

import json
import zipfile
from typing import Any

from modelspec.exchange.keras.files import CONFIG, METADATA, WEIGHTS
from modelspec.exchange.keras_file.parts import Plain

#: The version whose format this is; Keras looks at it for a word in its errors alone.
VERSION = "3.15.1"
#: No file says when it was written: the same run gives the same bytes.
BEGINNING = (1980, 1, 1, 0, 0, 0)


def write(path: str, config: Plain, weights: bytes) -> None:
    """The file at `path`."""
    about = {"keras_version": VERSION, "date_saved": "1980-01-01@00:00:00"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (
            (METADATA, as_json(about)), (CONFIG, as_json(config)), (WEIGHTS, weights),
        ):  # fmt: skip
            archive.writestr(zipfile.ZipInfo(name, BEGINNING), content)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
