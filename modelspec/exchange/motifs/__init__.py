"""Runs of entries that recur in a spec, written once as blocks."""
