"""A hundred mistakes as people make them, one fault each, in the specs of `specs/`."""

from __future__ import annotations

from typing import NamedTuple

from tests.conftest import ROOT


class Mistake(NamedTuple):
    """In `spec`, `was` is written as `now`; `mend` is what a good answer tells to write instead.

    The fault stands where the two texts first differ, or else on the line that holds `on`.
    """

    spec: str
    was: str
    now: str
    mend: str
    on: str = ""

    @property
    def text(self) -> str:
        """The spec with the mistake in it."""
        right = (ROOT / "specs" / f"{self.spec}.yaml").read_text(encoding="utf-8")
        assert right.count(self.was) >= 1, f"{self.was!r} is not in {self.spec}"
        return right.replace(self.was, self.now, 1)

    @property
    def line(self) -> int:
        """The line that is at fault."""
        if self.on:
            return next(i for i, row in enumerate(self.text.split("\n"), 1) if self.on in row)
        right = (ROOT / "specs" / f"{self.spec}.yaml").read_text(encoding="utf-8")
        same = 0
        while self.was[same : same + 1] == self.now[same : same + 1] != "":
            same += 1
        return right[: right.index(self.was) + same].count("\n") + 1


M = Mistake
MISTAKES = [
    # keys -----------------------------------------------------------------------------------------
    M("headline", "inputs:", "input:", "`inputs`"),
    M("mlp", "layers:", "layer:", "`layers`"),
    M("digits", "layers:", "model:", "`layers`"),
    M("tweets", "shared:", "share:", "`shared`"),
    M("resnet", "params:\n  width", "parameters:\n  width", "`params`"),
    M("headline", "loss_weight: 0.2", "loss_wieght: 0.2", "`loss_weight`"),
    M("headline", "loss_weight: 0.2", "wieght: 0.2", "`loss_weight`"),
    M("mlp", "metrics: [accuracy]", "metric: [accuracy]", "`metrics`"),
    M("headline", "epochs: 50", "epoch: 50", "`epochs`"),
    M("digits", "  validation: 0.2", "  validation_split: 0.2", "`validation`"),
    M("digits", "  optimizer: adam", "  optimiser: adam", "`optimizer`"),
    M("headline", "dtype: int32", "type: int32", "`dtype`"),
    M("tweets", "use: encoder, from: tweet_a", "uses: encoder, from: tweet_a", "`use`"),
    M("headline", "from: main_input", "form: main_input", "`from`"),
    M("resnet", '"${width}", repeat: 3', '"${width}", repeats: 3', "`repeat`"),
    M("mlp", "{optimizer: rmsprop}", "{optimizer: {name: rmsprop}}", "{type: rmsprop}"),
    # types ----------------------------------------------------------------------------------------
    M("mlp", "hidden_1:    {type: Dense", "hidden_1:    {type: Linear", "`Dense`"),
    M("mlp", "{type: Dense, units: 64, activation: relu}",
      "Dense(units=64, activation=relu)", "{type: Dense, units: 64, activation: relu}"),
    M("digits", "{type: Conv2D, filters: 32", "{type: Conv2d, filters: 32", "`Conv2D`"),
    M("digits", "type: MaxPooling2D", "type: MaxPool2d", "`MaxPooling2D`"),
    M("digits", "type: MaxPooling2D", "type: MaxPooling", "`MaxPooling2D`"),
    M("digits", "- {type: MaxPooling2D, pool_size: 2}",
      "- MaxPooling2D: {pool_size: 2}", "{type: MaxPooling2D"),
    M("tweets", "type: LSTM", "type: LTSM", "`LSTM`"),
    M("tweets", "type: Concatenate", "type: Concat", "`Concatenate`"),
    M("resnet", "{type: BatchNormalization, momentum",
      "{type: BatchNorm, momentum", "`BatchNormalization`"),
    M("resnet", "{type: residual,", "{type: residul,", "`residual`"),
    M("residual", "type: Add", "type: Sum", "`Add`"),
    M("same_digit_pairs", "GlobalAveragePooling2D", "GlobalAvgPool2d", "`GlobalAvgPool2D`"),
    M("sequence_of_mlp", "type: TimeDistributed", "type: TimeDistribute", "`TimeDistributed`"),
    M("transformer", "MultiHeadAttention", "MultiheadAttention", "`MultiHeadAttention`"),
    M("unet", "type: CosineDecay", "type: CosineAnnealing", "`CosineDecay`"),
    M("mlp", "optimizer: rmsprop", "optimizer: rmspop", "`rmsprop`"),
    M("mlp", "activation: softmax", "activation: sotfmax", "`softmax`"),
    M("mlp", "activation: softmax", "activation: nn.Softmax()", "`Softmax`"),
    M("vit", "{type: RandomNormal, stddev", "{type: Normal, stddev", "`RandomNormal`"),
    # arguments ------------------------------------------------------------------------------------
    M("mlp", "hidden_1:    {type: Dense, units: 64",
      "hidden_1:    {type: Dense, unit: 64", "`units`"),
    M("mlp", "hidden_1:    {type: Dense, units: 64",
      "hidden_1:    {type: Dense, out_features: 64", "`units`"),
    M("digits", "filters: 32, kernel_size: 3", "filters: 32, kernal_size: 3", "`kernel_size`"),
    M("digits", "filters: 32, kernel_size: 3", "out_channels: 32, kernel_size: 3", "`filters`"),
    M("digits", "rate: 0.5", "p: 0.5", "`rate`"),
    M("headline", "output_dim: 512", "embedding_dim: 512", "`output_dim`"),
    M("conv_nodes", "padding: same", "pading: same", "`padding`"),
    M("inception", "strides: 1, padding: same", "stride: 1, padding: same", "`strides`"),
    M("transformer", 'num_heads: "${heads}"', 'heads: "${heads}"', "`num_heads`"),
    M("vqa", "{type: LSTM, units: 256}",
      "{type: LSTM, units: 256, return_sequence: true}", "`return_sequences`"),
    M("transformer", "{type: Adam, learning_rate: 1e-3}",
      "{type: Adam, lr: 1e-3}", "`learning_rate`"),
    M("unet", "initial_learning_rate: 3e-3", "learning_rate: 3e-3", "`initial_learning_rate`"),
    # references -----------------------------------------------------------------------------------
    M("headline", "from: main_input", "from: main_inpt", "`main_input`"),
    M("headline", "[lstm_out, aux_input]", "[lstm, aux_input]", "`lstm_out`"),
    M("headline", "from: [lstm_out, aux_input]",
      "from: [lstm_out aux_input]", "[lstm_out, aux_input]"),
    M("headline", "from: [lstm_out, aux_input]",
      "from: lstm_out, aux_input", "[lstm_out, aux_input]"),
    M("headline", "  main_output: {loss", "  mainoutput: {loss", "`main_output`"),
    M("tweets", "use: encoder, from: tweet_a", "use: encodr, from: tweet_a", "`encoder`"),
    M("tweets", "from: [encoded_a, encoded_b]", "from: encoder", "`encoder@0`"),
    M("tweets", "from: [encoded_a, encoded_b]", "from: [encoder@1, encoder@2]", "`encoder@1`"),
    M("resnet", "from: [x, y]", "from: [x, z]", "`y`"),
    M("transformer", '"${width // heads}"', '"${width // haeds}"', "`heads`"),
    M("video_qa", "use: vqa.vision_model", "use: vqa.visual_model", "`vision_model`"),
    M("video_qa", "inputs: question_input, outputs",
      "inputs: question, outputs", "`question_input`"),
    M("sequence_of_mlp", "file: mlp.yaml", "file: mlp.yml", "`mlp.yaml`"),
    M("unet", "from: [coarse, middle]", "from: {x: coarse, remember: middle}", "`remembered`"),
    # values ---------------------------------------------------------------------------------------
    M("mlp", "hidden_1:    {type: Dense, units: 64",
      "hidden_1:    {type: Dense, units: '64'", "write 64"),
    M("mlp", "hidden_1:    {type: Dense, units: 64",
      "hidden_1:    {type: Dense, units: 64.5", "write 64"),
    M("mlp", "  inputs: [784]", "  inputs: 784", "[784]"),
    M("mlp", "  inputs: [784]", "  inputs: [28 * 28]", '"${28 * 28}"'),
    M("mlp", "  inputs: [784]", "  inputs: [None, 784]", "null"),
    M("digits", "rate: 0.5", "rate: 50", "0.5"),
    M("conv_nodes", "padding: same", "padding: sane", "`same`"),
    M("conv_nodes", "padding: same", "padding: 1", "`same`"),
    M("resnet", "use_bias: false", "use_bias: no", "`false`"),
    M("headline", "dtype: int32", "dtype: integer", "`int32`"),
    M("digits", "  validation: 0.2", "  validation: 20", "0.2"),
    M("digits", "filters: 32, kernel_size: 3", "filters: 32, kernel_size: [3, 3, 3]", "[3, 3]"),
    M("digits", "filters: 32, kernel_size: 3", "filters: 32, kernel_size: (3, 3)", "[3, 3]"),
    M("transformer", "{type: Adam, learning_rate: 1e-3}",
      "{type: Adam, learning_rate: 0,001}", "0.001"),
    # ranks, shapes, joins -------------------------------------------------------------------------
    M("digits", "  image: [8, 8, 1]", "  image: [64]", "[8, 8, 1]", on="Conv2D, filters: 32"),
    M("digits", "  image: [8, 8, 1]", "  image: [8, 8]", "[8, 8, 1]", on="Conv2D, filters: 32"),
    M("same_digit", "digit_b: [27, 27, 1]",
      "digit_b: [28, 28, 1]", "[27, 27, 1]", on="from: digit_b"),
    M("residual", "padding: same", "padding: valid", "padding: same", on="type: Add"),
    M("residual", "filters: 3,", "filters: 16,", "filters: 3", on="type: Add"),
    M("headline", "{type: LSTM, units: 32}",
      "{type: Dense, units: 32}", "{type: Flatten}", on="type: Concatenate"),
    M("vqa", "{type: LSTM, units: 256}",
      "{type: LSTM, units: 256, return_sequences: true}", "without `return_sequences`",
      on="type: Concatenate"),
    M("video_qa", "type: TimeDistributed, layer: {use: vqa.vision_model}",
      "use: vqa.vision_model", "{type: TimeDistributed", on="encoded_frames"),
    M("vit", '["${patches}", "${width}"]', '["${patches}", 16]', "32"),
    # losses and metrics ---------------------------------------------------------------------------
    M("mlp", "loss: categorical_crossentropy",
      "loss: cross_entropy", "`categorical_crossentropy`"),
    M("mlp", "loss: categorical_crossentropy",
      "loss: CrossEntropyLoss", "`CategoricalCrossentropy`"),
    M("residual", "loss: mse", "loss: MSELoss", "`MeanSquaredError`"),
    M("tweets", "loss: binary_crossentropy",
      "loss: categorical_crossentropy", "binary_crossentropy"),
    M("unet", "metrics: [mae]", "metrics: [mean_absolut_error]", "`mean_absolute_error`"),
    # missing things -------------------------------------------------------------------------------
    M("mlp", "hidden_2:    {type: Dense, units: 64,",
      "hidden_2:    {type: Dense,", "units: an integer"),
    M("headline", ", from: main_input", "", "from: main_input"),
    M("headline", "[lstm_out, aux_input]}", "[lstm_out, aux_input]", "}"),
    M("mlp", "hidden_2:    {type: Dense, units: 64,",
      "hidden_2:    {type: Dense, units:64,", "units: 64"),
    M("tweets", "  encoder: {type: LSTM, units: 64}",
      "  encoder {type: LSTM, units: 64}", "encoder: {"),
    M("digits", "name: label, type", "name: label type", ", type"),
    M("resnet", 'filters: "${width}", kernel_size: 3, padding: same, act',
      "filters: ${width}, kernel_size: 3, padding: same, act", '"${width}"'),
    # doubled things -------------------------------------------------------------------------------
    M("headline", "  dense_2:", "  dense_1:", "one of the two"),
    M("mlp", "{type: Dense, units: 10,", "{type: Dense, units: 10, units: 12,", "one of the two"),
    M("digits", "{type: Flatten}", "{name: image, type: Flatten}", "another name"),
    M("digits", "  train: {type: Digits}", "  train: {type: Digits}}", "delete it"),
]  # fmt: skip
