from __future__ import annotations

import math

import pytest

from tests.source.reading import codes, read

NUMBERS = {
    "0": 0, "12": 12, "-3": -3, "+1": 1, "012": 12, "-0": 0, "0o14": 12, "0x1F": 31, "0xff": 255,
    "1e-3": 0.001, "1E3": 1000.0, "1.": 1.0, ".5": 0.5, "-.5": -0.5, "1.5e+2": 150.0, "0.0": 0.0,
    "+1.5": 1.5, "12e03": 12000.0, ".inf": math.inf, "-.INF": -math.inf, "+.Inf": math.inf,
    "123456789012345678901234567890": 123456789012345678901234567890,
}  # fmt: skip
CONSTANTS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
}  # fmt: skip
STRINGS = [
    "no", "on", "yes", "off", "y", "n", "1_000", "0b1", "12:30", "190:20:30", "2001-12-14", "0o8",
    "0xG", "-0x1F", "+0o7", "1e", "e3", ".", "--", "+", "..5", "1.2.3", "-.", ".e3", "1 2", "tRUE",
    "nULL", "inf", "nan", "Infinity", ".iNf", "-.nan", "١٢", "1٢", "true1", "nulls", "~~", "0x",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), (NUMBERS | CONSTANTS).items())
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text, value):
    got = read(f"a: {text}\n")["a"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_a_float(text):
    assert math.isnan(read(f"a: {text}\n")["a"])


@pytest.mark.parametrize("text", STRINGS)
def test_what_yaml_1_1_took_for_something_else_is_a_string(text):
    assert read(f"a: {text}\n") == {"a": text}


@pytest.mark.parametrize("text", ["12", "1e-3", "true", "null", "~", ""])
def test_quotes_make_anything_a_string(text):
    assert read(f"a: '{text}'\nb: \"{text}\"\n") == {"a": text, "b": text}


@pytest.mark.parametrize("text", ["9" * 4001, "-" + "9" * 100_000, "0x" + "f" * 5000, "1e999"])
def test_a_number_of_absurd_size_is_an_error_and_no_hang(text):
    assert codes(f"a: {text}\n") == ["huge-number"]


def test_four_thousand_digits_are_read():
    assert read("a: " + "9" * 4000) == {"a": 10**4000 - 1}
