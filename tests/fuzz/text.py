"""Texts found by coverage: `python -m tests.fuzz.text -max_total_time=600`, or `make fuzz-text`.

atheris keeps what reaches new branches in `build/texts`, and ends at the first text that gives
anything but our own diagnostics. Such a text belongs into `found/`, beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conftest import ROOT

FOUND = Path(__file__).parent / "found"
CORPUS = ROOT / "build" / "texts"
LONGEST = 2000  # characters: what is longer is seldom another thing, and takes long


def main(options: list[str]) -> None:
    """Look for texts until the options, libFuzzer's own, say that it is enough."""
    import atheris

    with atheris.instrument_imports(include=["modelspec"]):
        from tests.fuzz import damage

    def one(data: bytes) -> None:
        damage.survives(data.decode("utf-8", "surrogateescape")[:LONGEST])

    CORPUS.mkdir(parents=True, exist_ok=True)
    for at, text in enumerate(damage.SPECS):
        (CORPUS / f"spec-{at}").write_text(text[:LONGEST], encoding="utf-8")
    words = CORPUS.parent / "words.dict"
    quoted = [word.encode("unicode_escape").decode().replace('"', '\\"') for word in damage.WORDS]
    words.write_text("".join(f'"{word}"\n' for word in quoted if len(word) < 60), encoding="utf-8")
    atheris.Setup([sys.argv[0], f"-dict={words}", *options, str(CORPUS), str(FOUND)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
