"""Make modelspec/data_sets/digits.npz from the handwritten digits that scikit-learn distributes.

Run from anywhere: `python tools/make_digits.py`. The file comes out byte for byte the same.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).resolve().parent.parent / "modelspec" / "data_sets" / "digits.npz"


def digits() -> dict[str, np.ndarray]:
    """The arrays: `image` uint8 (1797, 8, 8, 1) of 0..16, `label` uint8 (1797,) of 0..9, and `row`
    uint16 (1797,), each one's place in scikit-learn's order.

    That order has one writer after another, so that the last rows are by writers of their own. A
    fixed shuffle lets a share of the rows, as `validation: 0.2` takes it, stand for all of them.
    """
    bunch = load_digits()
    image = bunch.images[..., np.newaxis].astype(np.uint8)
    label = bunch.target.astype(np.uint8)
    assert np.array_equal(image[..., 0], bunch.images)
    assert image.shape == (1797, 8, 8, 1)
    assert image.max() == 16
    row = np.random.Generator(np.random.PCG64(0)).permutation(len(label)).astype(np.uint16)
    return {"image": image[row], "label": label[row], "row": row}


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed .npz whose entries carry no time of day, unlike numpy.savez."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue(), compresslevel=9)


if __name__ == "__main__":
    write(TARGET, digits())
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")
