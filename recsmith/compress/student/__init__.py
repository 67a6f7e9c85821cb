"""Other, smaller models that are trained to serve in place of the winner; one file a way."""
