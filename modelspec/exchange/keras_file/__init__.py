"""Keras models, written: a .keras file from a checked graph and its weights."""
