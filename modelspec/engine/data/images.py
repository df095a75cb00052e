"""Folders of images: a sub-folder a class; an image is decoded when it is asked for."""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any, BinaryIO, NoReturn

import numpy as np

from modelspec.catalog import sources as words
from modelspec.engine.data.arrays import bad_file
from modelspec.engine.data.rows import Array, Indices
from modelspec.engine.data.wanted import refuse
from modelspec.source.diagnostics import Unreadable

FORMATS = ("PNG", "JPEG", "BMP", "GIF")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
#: What Pillow raises at damaged files.
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


class ImageRows:
    """`image` (height, width, channels), uint8, and `label`, the name of its sub-folder."""

    columns: tuple[str, ...] = ("image", "label")
    resident = False

    def __init__(self, word: words.Images, folders: list[str]) -> None:
        self.name = folders[0]
        self.mode = "RGB" if word.mode == "rgb" else "L"
        wanted: list[int] | None = word.size
        self.size = None if wanted is None else (wanted[0], wanted[1])
        self.resized = wanted is not None
        found = [(name, path) for folder in folders for name, path in images_in(folder)]
        self.paths = [path for _, path in found]
        self.classes = ordered({name for name, _ in found})
        place = {name: at for at, name in enumerate(self.classes)}
        self.labels = np.array([place[name] for name, _ in found], np.int64)  # (images,)
        pillow()

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        taken: dict[str, Array] = {}
        if "label" in columns:
            taken["label"] = np.array(self.classes, object)[self.labels[indices]]
        if "image" in columns:
            taken["image"] = np.stack([self.decoded(self.paths[i]) for i in indices.tolist()])
        return taken

    def places(self, indices: Indices) -> Array:
        """The places of labels among the sorted classes."""
        return self.labels[indices]

    def decoded(self, path: str) -> Array:
        """An image (height, width, channels); raises Rejected, Unreadable."""
        try:
            with open(path, "rb") as stream:
                image = opened(stream, path).convert(self.mode)
            if self.resized and self.size is not None:
                image = image.resize(self.size[::-1], pillow().Resampling.BILINEAR)
        except DAMAGED as error:
            refuse_damaged(path, error)
        pixels = np.asarray(image, np.uint8)
        if self.size is None:
            self.size = (pixels.shape[0], pixels.shape[1])
        if pixels.shape[:2] != self.size:
            self.refuse_size(path, pixels.shape)
        return pixels.reshape(*self.size, -1)

    def refuse_size(self, path: str, shape: tuple[int, ...]) -> NoReturn:
        assert self.size is not None
        height, width = self.size
        refuse(
            "ragged-row",
            "the images of one source have one size, unless `size` says which they are brought to",
            notes=[f"{path}: {shape[0]} by {shape[1]}, and others are {height} by {width}"],
            help=[f"{{type: Images, path: ..., size: [{height}, {width}]}}"],
        )

    def place(self, index: int) -> str:
        return self.paths[index]


def opened(stream: BinaryIO, path: str) -> Any:
    """An image whose head has been read, and whose size is not beyond Pillow's limit."""
    library = pillow()
    bomb = (library.DecompressionBombError, library.DecompressionBombWarning)
    try:
        image = library.open(stream, formats=FORMATS)
    except bomb:
        return refuse_bomb(path)
    limit = library.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        refuse_bomb(path)
    return image


def refuse_bomb(path: str) -> NoReturn:
    refuse(
        "too-large",
        f"an image has at most {pillow().MAX_IMAGE_PIXELS:,} pixels",
        notes=[f"{path}: it declares more, as files do that are made to fill the memory"],
    )


def refuse_damaged(path: str, error: BaseException) -> NoReturn:
    if isinstance(error, OSError) and error.errno:
        raise Unreadable(path, (error.strerror or str(error)).lower()) from None
    bad_file(path, f"it is no PNG, JPEG, BMP or GIF image, or it is damaged ({error})")


def images_in(folder: str) -> list[tuple[str, str]]:
    """(class, path) of each image, sorted; raises Rejected where the folder holds none."""
    try:
        classes = sorted(n for n in os.listdir(folder) if os.path.isdir(os.path.join(folder, n)))
        found = [
            (name, os.path.join(folder, name, file))
            for name in classes
            for file in sorted(os.listdir(os.path.join(folder, name)))
            if file.lower().endswith(ENDINGS)
        ]
    except OSError as error:
        raise Unreadable(folder, (error.strerror or str(error)).lower()) from None
    if not found:
        refuse(
            "bad-file",
            "a folder of images has a sub-folder for each class, with images in it",
            notes=[f"`{folder}` has none that end in {', '.join(ENDINGS)}"],
        )
    return found


def holds_images(path: str) -> bool:
    """Whether a folder has no arrays, but sub-folders of images."""
    if not os.path.isdir(path) or any(name.endswith(".npy") for name in os.listdir(path)):
        return False
    return any(
        name.lower().endswith(ENDINGS)
        for inner in os.listdir(path)
        if os.path.isdir(os.path.join(path, inner))
        for name in os.listdir(os.path.join(path, inner))
    )


def ordered(names: set[str]) -> list[str]:
    """Sorted as numbers where all are, else as text: as the encoder `Labels` sorts."""
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)


def pillow() -> Any:
    """Pillow's `Image`, which the extra `image` brings; raises Rejected."""
    try:
        from PIL import Image
    except ImportError:
        refuse(
            "needs-extra",
            "images are read by Pillow, and Pillow is missing",
            help=["pip install 'modelspec-torch[image]'"],
        )
    return Image
