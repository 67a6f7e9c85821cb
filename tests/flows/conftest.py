"""Prefect's own state goes to a temporary folder, set before anything imports it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="prefect-")
os.environ.pop("PREFECT_API_URL", None)


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """One temporary Prefect server for all tests that run a flow in their own process."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=500):
        yield
