"""The gate: Great Expectations over what was ingested, with a page of our own."""

import os

# Read once, when the library is imported: no check here may wait for a network.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
