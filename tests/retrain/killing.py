"""Work that ends in the middle: a process of its own, killed at a random moment, or a step that does not return."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["recsmith.retrain.intake", "recsmith.retrain.champion", "recsmith.sources.registry"])


def killed(draw: random.Random, seconds: float, work: Callable[..., object], *args: Any) -> bool:
    """Begin ``work`` and kill it within so many seconds of its beginning; whether it was still at it then."""
    ready = SERVER.Event()
    process = SERVER.Process(target=_begin, args=(ready, work, args))
    process.start()
    assert ready.wait(120)
    process.join(draw.uniform(0, seconds))
    process.kill()
    process.join()
    return process.exitcode == -9


def _begin(ready: Event, work: Callable[..., object], args: tuple[Any, ...]) -> None:
    ready.set()
    work(*args)


class Killed(BaseException):
    """The process ends here."""


def dies(*given: Any) -> Any:
    raise Killed
