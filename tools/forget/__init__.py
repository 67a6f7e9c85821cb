"""``make forget USER=...``: somebody gone from data, results, bundles, the cache of DVC and its remotes."""
