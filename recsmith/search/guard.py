"""Processes that must not outlive each other: who they are, whether they live, how they are ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable

import psutil

from recsmith.config.base import Section

LOOK_SECONDS = 0.5


class Identity(Section):
    """A process for certain: numbers are used again, number and start together are not."""

    pid: int
    started: float


def identity(pid: int | None = None) -> Identity:
    """The identity of a living process, by default of this one."""
    process = psutil.Process(pid)
    return Identity(pid=process.pid, started=process.create_time())


def alive(who: Identity) -> bool:
    """Whether that process still runs."""
    try:
        process = psutil.Process(who.pid)
        return process.create_time() == who.started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def watch(gone: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Call ``act`` once, from a thread of its own, as soon as ``gone()`` holds."""

    def look() -> None:
        while not gone():
            time.sleep(LOOK_SECONDS)
        act()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    return thread


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started, itself first; empty where it is gone."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(processes: Iterable[psutil.Process], patience: float = 5.0) -> None:
    """Ask processes to end (SIGTERM), wait, and kill those that do not; this process is never among them."""
    others = [process for process in processes if process.pid != os.getpid()]
    _signal(others, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(others, timeout=patience)
    _signal(stubborn, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=patience)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def parent_changed(before: int) -> Callable[[], bool]:
    """A test for having lost the parent with number ``before``."""
    return lambda: os.getppid() != before
