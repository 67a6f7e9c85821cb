"""A bundle in a process that has numpy and the scorer's library alone: ``python -m benchmarks.alone BUNDLE LISTS``.

Prints JSON: seconds to load, growth of resident memory, milliseconds of one user's top 20 (by id, one after another),
seconds of everybody's; LISTS (.npy) takes the lists of all users. Any other package is refused, so that its absence is
sure. Linux only (``/proc``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from types import ModuleType

ALLOWED = {"numpy", "numkong", "recsmith", "benchmarks"}


class Refusing:
    """Lets nothing be imported but the standard library and what is allowed."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """None, so that the next finder looks; ModuleNotFoundError for what is not allowed."""
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not allowed here", name=name)


def main() -> None:
    """Load, ask, print."""
    sys.meta_path.insert(0, Refusing)
    from benchmarks.answering import measured  # imports numpy, which must find the door closed to others

    print(json.dumps(measured(sys.argv[1], sys.argv[2]) | {"packages": sorted(ALLOWED & set(sys.modules))}))


if __name__ == "__main__":
    main()
