"""Id maps and the bipartite graph, in memory-mapped arrays."""
