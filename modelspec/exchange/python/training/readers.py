"""The functions of a script that read files: one for each format, with places to fill in."""

from __future__ import annotations

NPZ = '''def arrays(path: Path) -> dict[str, np.ndarray]:
    """The columns of an .npz file."""
    with np.load(path) as file:
        return {{column: file[column] for column in {columns}}}'''

NPY = '''def arrays(folder: Path) -> dict[str, np.ndarray]:
    """The columns of a folder of .npy files."""
    return {{column: np.load(folder / f"{{column}}.npy") for column in {columns}}}'''

NPY_FILES = '''def arrays(*paths: Path) -> dict[str, np.ndarray]:
    """The columns that stand in .npy files of their own."""
    return {path.stem: np.load(path) for path in paths}'''

JOINED = '''def joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The samples of several files, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}'''

ROWS_OF = '''def rows_of(arrays: dict[str, np.ndarray]) -> list[dict]:
    """Arrays as rows."""
    columns = {name: values.tolist() for name, values in arrays.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]'''

CSV = '''def rows(path: Path) -> Iterator[dict]:
    """The rows of a text file, cells by their columns."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file{more})'''

JSONL = '''def rows(path: Path) -> Iterator[dict]:
    """The rows of a file that has an object a line."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)'''

PARQUET = '''def rows(path: Path) -> list[dict]:
    """The rows of a Parquet file."""
    return pyarrow.parquet.read_table(path, columns={columns}).to_pylist()'''

ARROW = '''def rows(path: Path) -> list[dict]:
    """The rows of an Arrow file."""
    return pyarrow.ipc.open_file(path).read_all().select({columns}).to_pylist()'''

IMAGES = '''def images(*folders: Path) -> Iterator[dict]:
    """The images of folders, class by class: a sub-folder each."""
    endings = {{".png", ".jpg", ".jpeg", ".bmp", ".gif"}}
    found = [path for folder in folders for path in sorted(folder.glob("*/*"))]
    paths = [path for path in found if path.suffix.lower() in endings]{classes}
    for path in paths:
        image = Image.open(path).convert("{mode}"){resized}
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        yield {{
            "image": pixels.view(image.height, image.width, {channels}),
            "label": {label},
        }}'''

CLASSES = """
    names = sorted({path.parent.name for path in paths})
    try:
        names = sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        pass  # some are no numbers"""

ENCODED = '''def encoded(rows: list[dict]) -> Samples:
    """Rows as the tensors that the model and its losses take."""
    made = [encode(row) | targets(row) for row in rows]
    return {name: together([one[name] for one in made]) for name in made[0]}'''

SENTENCES = [
    "    def sentence() -> str:",
    "        numbers = torch.randint(100, (8,), generator=draw).tolist()",
    '        return " ".join(f"word{number}" for number in numbers)',
    "",
]
