"""Machines that trials of a search run on: ``search.nodes``."""

from __future__ import annotations

from pydantic import Field, field_validator

from recsmith.config.base import Section


class Node(Section):
    """One machine, reached over SSH with a key and no password."""

    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1)
    key_file: str = "~/.ssh/id_ed25519"
    """The private key; without a passphrase, since nobody is there to type it."""
    known_hosts: str = "~/.ssh/known_hosts"
    """The file that holds the machine's own key."""
    host_key: str = ""
    """The machine's own key (``ssh-ed25519 AAAA...``) instead of that file."""
    python: str
    """The interpreter whose torch and numpy are used; it is read, never written."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that trials may take; empty: the CPU."""
    trials_per_gpu: int = Field(default=1, ge=1)
    """At a time on each of the GPUs, or on the CPU."""
    folder: str = "~/.cache/recsmith"
    """Where code, graph and the private environment are kept on the machine; nothing else is written there."""

    @property
    def name(self) -> str:
        """How the machine is called in messages."""
        return f"{self.user}@{self.host}:{self.port}"

    @property
    def slots(self) -> tuple[str, ...]:
        """What each of the trials that run at a time gets as CUDA_VISIBLE_DEVICES."""
        return tuple(str(gpu) for gpu in self.gpus or ("",) for _ in range(self.trials_per_gpu))

    @field_validator("python")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value.startswith("/") or " " in value:
            raise ValueError("name the interpreter by its absolute path, without spaces")
        return value
