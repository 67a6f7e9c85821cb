"""What a step of training looks at: pairs, negatives, and the part of the graph around them."""
