"""The page of the search: how it went, what mattered, what won."""
