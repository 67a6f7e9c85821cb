"""One runnable module a DVC stage: read files, call recsmith, write files."""
