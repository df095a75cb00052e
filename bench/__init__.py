"""Measurements of speed. Ratios are printed, never asserted: a busy machine disturbs both sides."""
