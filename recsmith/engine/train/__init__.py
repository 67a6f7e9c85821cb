"""The loop over epochs: objective, gradients, optimiser, checkpoints."""
