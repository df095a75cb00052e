"""The element types of tensors, by the names that Keras and NumPy give them."""

from __future__ import annotations

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
DTYPES = (*FLOATS, *INTEGERS, "bool", "string")

BYTES = {
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8,
    "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4,
    "bool": 1, "string": 0,
}  # fmt: skip


def is_float(dtype: str) -> bool:
    return dtype in FLOATS


def is_integer(dtype: str) -> bool:
    return dtype in INTEGERS


def sort(dtype: str) -> str:
    """What a tensor holds, whatever its width: `float`, `string`, or `integer` (booleans too)."""
    return "float" if is_float(dtype) else "string" if dtype == "string" else "integer"


def accepts(wanted: str, dtype: str) -> bool:
    """Whether a tensor of `dtype` may stand where a layer declares `wanted`.

    `wanted` is `any`, `number` (all but strings), `float`, `integer`, `category` (integers and
    strings), or one dtype.
    """
    if wanted == "any":
        return True
    if wanted == "number":
        return dtype != "string"
    if wanted == "float":
        return is_float(dtype)
    if wanted == "integer":
        return is_integer(dtype) or dtype == "bool"
    if wanted == "category":
        return is_integer(dtype) or dtype in ("bool", "string")
    return dtype == wanted


def described(wanted: str) -> str:
    """What `accepts` takes, in words."""
    words = {"number": "numbers", "float": "floating-point numbers", "integer": "integers",
             "category": "integers or strings", "string": "strings"}  # fmt: skip
    return words.get(wanted, wanted)


def of_number(value: bool | int | float, compute: str) -> str:
    """What a number counts as among tensors: a float as the compute dtype, an integer as the
    narrowest one, so that it widens nothing.
    """
    return compute if isinstance(value, float) else "bool"


def promote(kinds: list[str]) -> str:
    """The integer dtype that holds the values of several; booleans give way to all.

    As NumPy and JAX have it. (Keras, without 64-bit types, gives int32 where this gives int64.)
    """
    wide = max((BYTES[kind] for kind in kinds), default=1)
    signed = [kind for kind in kinds if kind.startswith("int")]
    unsigned = [kind for kind in kinds if kind.startswith("uint")]
    if not signed and not unsigned:
        return "bool"
    if not signed:
        return f"uint{8 * wide}"
    widest = max((BYTES[kind] for kind in unsigned), default=0)
    if widest and widest >= max(BYTES[kind] for kind in signed):
        wide = min(2 * widest, 8)
    return f"int{8 * wide}"


#: What others call them.
DTYPES_MEANT = {
    "int": "int32", "integer": "int32", "long": "int64", "short": "int16", "byte": "uint8",
    "float": "float32", "double": "float64", "half": "float16", "boolean": "bool",
    "str": "string", "text": "string", "object": "string", "fp16": "float16", "fp32": "float32",
    "bf16": "bfloat16", "fp64": "float64",
}  # fmt: skip
