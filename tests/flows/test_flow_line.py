"""The flow on the real line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from workspaces import Workspace

from stages._stage import STAGES


@pytest.mark.slow
def test_the_flow_finds_everything_up_to_date(finished: Workspace, copy_of: Callable[[Workspace], Workspace]) -> None:
    result = copy_of(finished).run("python", "-m", "flows.pipeline")
    assert result.returncode == 0, result.stdout
    assert all(f"Task run '{name}'" in result.stdout for name in STAGES)
    assert "Running stage" not in result.stdout
