"""Processes that must not outlive each other: who they are, whether they live, how they are ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable

import psutil

from recsmith.config.base import Section

LOOK_SECONDS = 0.5
KEEPER = "common/trial_keeper/main.js"
"""NNI's manager of the trials of another machine."""


class Identity(Section):
    """A process for certain: numbers are used again, number and start together are not."""

    pid: int
    started: float
    """Seconds after the start of the machine, which setting the clock does not change."""


def identity(pid: int | None = None) -> Identity:
    """The identity of a living process, by default of this one."""
    while True:
        boot, process = psutil.boot_time(), psutil.Process(pid)
        started = process.create_time() - boot
        if psutil.boot_time() == boot:  # else the clock was set in between
            return Identity(pid=process.pid, started=round(started, 2))


def alive(who: Identity) -> bool:
    """Whether that process still runs."""
    try:
        return identity(who.pid) == who and psutil.Process(who.pid).status() != psutil.STATUS_ZOMBIE
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


def with_word(word: str) -> list[psutil.Process]:
    """Processes that were started with exactly this word among their arguments."""
    return [process for process in psutil.process_iter(["cmdline"]) if word in (process.info["cmdline"] or [])]


def end(processes: Iterable[psutil.Process], patience: float = 10.0) -> None:
    """Kill processes in their order and wait until they are gone; this process is never among them.

    Without asking first: records are written whole, and NNI's node manager, asked to end while its children die, may
    wait for ever.
    """
    others = [process for process in processes if process.pid != os.getpid()]
    for process in others:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(others, timeout=patience)


def end_with(driver: Identity) -> threading.Thread:
    """Tie this process, that NNI's node manager started, to the driver.

    When the driver is gone the manager is killed with all that it started; when the manager is gone this process ends.
    """
    parent, manager = os.getppid(), _manager()
    if manager is None:
        # It died while this process came to life; whoever has its port now must not be asked for work.
        os._exit(1)

    def act() -> None:
        end(family(manager))
        os._exit(1)

    return watch(lambda: os.getppid() != parent or not alive(driver), act)


def _manager() -> psutil.Process | None:
    """The node manager among the processes above this one; a shell may lie between."""
    for process in psutil.Process().parents():
        try:
            if any(word == "--experiment-id" or word.endswith(KEEPER) for word in process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None
