"""`export --to keras`: masks are in Keras where they are here, whatever takes them off there."""

from __future__ import annotations

import pytest

import modelspec
from modelspec.model.show import show
from tests.exchange.keras_models import described, imported, proved
from tests.exchange.test_to_keras import module_of

MASKED = """
inputs: {words: {shape: [6], dtype: int32}, more: {shape: [6], dtype: int32}}
layers:
  one: {type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true, from: words}
  two: {type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true, from: more}
  plain: {type: Embedding, input_dim: 9, output_dim: 4, from: more}
"""


@pytest.mark.parametrize(
    "entries",
    [
        "  {type: LSTM, units: 3, return_sequences: true, from: one}",
        "  {type: GRU, units: 3, from: {sequence: one, initial_state: [state]}}",
        "  {type: Bidirectional, layer: {type: LSTM, units: 3}, from: two}",
        "  {type: MultiHeadAttention, num_heads: 2, key_dim: 3, from: [one, two]}",
        "  {type: Attention, from: [one, two]}",
        "  {type: GlobalAveragePooling1D, from: one}",
        "  {type: LSTM, units: 3, from: sum}",
        "  {type: LSTM, units: 3, from: joined}",
        "  {type: LSTM, units: 3, from: half}",
        "  {type: TimeDistributed, layer: {type: Dense, units: 2}, from: one}",
        "  {type: LSTM, units: 3, from: late}",
        "  {type: LSTM, units: 3, from: graph}",
    ],
)
def test_masks_reach_where_they_reach_here(entries, tmp_path):
    spec = MASKED + f"""
  state: {{type: GlobalMaxPooling1D, from: plain}}
  small: {{type: Dense, units: 3, from: state}}
  sum: {{type: Add, from: [one, two]}}
  joined: {{type: Concatenate, from: [one, two], axis: 1}}
  half: {{type: Concatenate, from: [one, plain]}}
  late: {{type: Masking, mask_value: 0.5, from: plain}}
  graph: {{layers: {{a: {{type: Dense, units: 4}}}}, inputs: {{x: [null, 4]}}, from: one}}
  end: {entries.replace("[state]", "[small]")}
outputs: [end]
"""  # fmt: skip
    model = proved(module_of(spec), tmp_path)
    assert "mask" not in str(show(imported(tmp_path).spec)["layers"]["end"].get("from"))
    assert model.output_names == ["end"]


def test_layers_of_one_class_keep_their_weights_apart(tmp_path):
    # Masks make ways longer, which decides the order in which Keras counts layers.
    spec = (
        MASKED
        + """
  a: {type: Dense, units: 4, from: one}
  b: {type: Dense, units: 4, from: plain}
  c: {type: Dense, units: 4, from: two}
  d: {type: Dense, units: 4, dtype: float64, from: b}
  joined: {type: Concatenate, from: [a, b, c]}
  both: {type: Add, from: [joined, joined]}
  end: {type: LSTM, units: 4, from: both}
  last: {type: Dense, units: 4}
  flat: {type: Flatten, from: d}
outputs: [flat, last, a]
"""
    )
    proved(module_of(spec), tmp_path)


EMBEDDED = """
inputs: {words: {shape: [6], dtype: int32}}
layers:
  x: {type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true}
"""
ATTENTION = "type: MultiHeadAttention, num_heads: 2, key_dim: 3"


def test_attentions_after_a_norm_read_what_no_one_else_reads(tmp_path):
    spec = (
        EMBEDDED
        + f"""
  a: {{{ATTENTION}, from: [x, x]}}
  b: {{type: Add, from: [x, a]}}
  c: {{{ATTENTION}, from: [b, b]}}
  d: {{type: Add, from: [b, c]}}
  end: {{{ATTENTION}, from: [d, d]}}
"""
    )
    proved(module_of(spec), tmp_path)
    layers = described(tmp_path)
    assert [name for name in layers if name.endswith("_reads")] == ["a_reads", "c_reads"]
    assert layers["a_reads"]["config"]["scale"] == 1.0


def test_attentions_of_their_own_normalization_need_nothing(tmp_path):
    spec = (
        EMBEDDED
        + f"""
  norm: {{type: LayerNormalization}}
  a: {{{ATTENTION}, from: [norm, norm]}}
  b: {{type: Add, from: [x, a]}}
  end: {{{ATTENTION}, from: [b, b]}}
"""
    )
    proved(module_of(spec), tmp_path)
    assert not [name for name in described(tmp_path) if name.endswith("_reads")]


LOST = {
    "a dropout hands on the very tensor": """
  d: {type: Dropout, rate: 0.1}
  a: {ATTENTION, from: [d, d]}
  b: {type: Add, from: [x, a]}
  end: {ATTENTION, from: [b, x]}
""",
    "a mask that leaves a graph": """
  g:
    inputs: {y: {shape: [6], dtype: int32}}
    layers:
      e: {type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true}
      f: {type: Dense, units: 4}
    from: words
  a: {ATTENTION, from: [g, g]}
  b: {type: Add, from: [g, a]}
  end: {type: GlobalAveragePooling1D}
""",
    "two attentions read one tensor": """
  a: {ATTENTION, from: [x, x]}
  b: {ATTENTION, from: [x, x]}
  end: {type: Add, from: [a, b]}
""",
    "a cast to the same dtype drops it here": """
  c: {type: ops.Cast, to: float32}
  end: {type: LSTM, units: 3}
""",
}


@pytest.mark.parametrize("case", LOST)
def test_masks_that_keras_would_lose_or_keep(case, tmp_path):
    spec = EMBEDDED + LOST[case].replace("ATTENTION", ATTENTION)
    proved(module_of(spec), tmp_path)


def test_masks_reach_the_attentions_of_a_graph_over_time(tmp_path):
    spec = f"""
inputs: {{words: {{shape: [3, 6], dtype: int32}}}}
shared:
  sentence:
    inputs: {{y: [6, 4]}}
    layers:
      a: {{{ATTENTION}, from: [y, y]}}
      b: {{type: Add, from: [y, a]}}
      c: {{type: GlobalAveragePooling1D}}
layers:
  x: {{type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true}}
  end: {{type: TimeDistributed, layer: {{use: sentence}}}}
"""
    proved(module_of(spec), tmp_path)


def test_a_softmax_that_keras_fails_to_run_is_refused(tmp_path):
    module = module_of(EMBEDDED + "  end: {type: Softmax}\n")
    with pytest.raises(modelspec.Rejected) as caught:
        proved(module, tmp_path)
    (said,) = caught.value.diagnostics
    assert "an Activation with softmax takes none" in said.label.text
    assert not list(tmp_path.iterdir())
