"""Arrow's compute functions. They are made when Arrow is imported, so type checkers cannot see them: Any."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
