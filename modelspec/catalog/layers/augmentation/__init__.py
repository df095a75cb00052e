"""Layers that change images at random in training, and hand them on as they are otherwise.

Where a layer draws, each sample draws for itself unless the layer says otherwise. Draws depend on
the seed, the step and the layer alone, so a run that is resumed sees the same images.
"""
