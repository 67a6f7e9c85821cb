"""What commands print: at once, and without complaint where the reader (``head``, ``less``) has left."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(text: str, stream: TextIO | None = None) -> None:
    """Print to ``stream`` (default: stdout) at once, each step may take long; without a reader the work goes on."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        hush(stream)


def hush(stream: TextIO | None = None) -> None:
    """Let what is still unwritten to ``stream`` (default: stdout) go nowhere, so that Python's end is silent, too."""
    stream = stream or sys.stdout
    if stream is not None:
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, stream.fileno())
        os.close(nobody)
