"""Keras models, read: a spec and weights."""
