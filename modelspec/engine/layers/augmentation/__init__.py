"""How torch changes images at random: for each layer, what is drawn, and what is done with it."""
