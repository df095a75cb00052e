"""The lowerings, family for family as in `catalog/layers`."""
