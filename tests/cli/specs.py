"""Short specs that the tests of the command line share."""

from __future__ import annotations

TWEETS = """\
inputs:
  tweet_a: [28, 16]
  tweet_b: [28, 16]
shared:
  encoder: {type: LSTM, units: 8}
layers:
  encoded_a: {use: encoder, from: tweet_a}
  encoded_b: {use: encoder, from: tweet_b}
  merged: {type: Concatenate, from: [encoded_a, encoded_b], axis: -1}
  same: {type: Dense, units: 1, activation: sigmoid}
outputs:
  same: {loss: binary_crossentropy}
"""

#: Blocks, repeat, a shared graph, a part of it, a name inside it, a wrapper, several losses.
EVERYTHING = """\
params: {width: 4}
inputs:
  left: [9, 9, 1]
  right: {shape: [9, 9, 1], dtype: float32}
  video: [5, 9, 9, 1]
blocks:
  residual:
    params: {filters: 8}
    inputs: {x: [null, null, null]}
    layers:
      y: {type: Conv2D, filters: "${filters}", kernel_size: 3, padding: same, activation: relu}
      z: {type: Conv2D, filters: "${filters}", kernel_size: 3, padding: same}
      sum: {type: Add, from: [x, z]}
shared:
  vision:
    inputs: {image: [9, 9, 1]}
    layers:
      - {type: Conv2D, filters: "${width}", kernel_size: 3}
      - {type: residual, filters: "${width}", repeat: 2}
      - {type: MaxPooling2D, pool_size: 2}
      - Flatten
layers:
  seen_left: {use: vision, from: left}
  seen_right: {use: vision, from: right}
  edges: {part_of: vision, inputs: [image], outputs: [conv2d], from: right}
  again: {use: vision.conv2d, from: left}
  flat: {type: Flatten}
  frames: {type: TimeDistributed, layer: {use: vision}, from: video}
  story: {type: Bidirectional, layer: {type: LSTM, units: 3}}
  both: {type: Concatenate, from: [seen_left, vision@1, flat, story]}
  deep: {type: Dense, units: 6, repeat: 2, kernel_regularizer: l2}
  same: {type: Dense, units: 1, activation: sigmoid, trainable: false}
outputs:
  same: {loss: [binary_crossentropy, {type: mse, loss_weight: 0.5}], loss_weight: 2,
         metrics: [accuracy, {type: AUC, num_thresholds: 50}], class_weight: {0: 1, 1: 3}}
  middle: {from: deep, loss: mae}
  edge: {from: edges}
data:
  train: {type: Synthetic, samples: 20}
  validation: 0.2
  fields: {same: label}
train:
  optimizer:
    type: SGD
    learning_rate: {type: CosineDecay, initial_learning_rate: 0.1, decay_steps: 9}
  callbacks: [{type: EarlyStopping, patience: 2}, TerminateOnNaN]
"""
