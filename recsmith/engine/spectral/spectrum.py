"""Leading singular triplets of ``R~ = D_u^-1/2 R D_i^-1/2``, computed once for a graph and kept in a folder.

Ranks are computed in steps (:func:`step`): requests of any rank up to a step share one file, and an answer does not
depend on which request came first.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from recsmith.engine.sparse.normal import histories, normalised
from recsmith.engine.sparse.propagate import product
from recsmith.engine.spectral.krylov import decompose, needed
from recsmith.files import replacing
from recsmith.graph.graph import Graph

SEED = 7
VERSION = 1
"""Part of a file's name: another algorithm must not read the old one's answers."""
SMALL, STEP = 128, 512
HELD = 2
"""Decompositions that a process keeps in memory."""
NAMES = ("left", "values", "right")
SUM = "crc32"


@dataclass(frozen=True)
class Triplets:
    """``R~ ~ left diag(values) right^T``: largest first, none of value 0, columns of ``right`` with a sum of 0 or more.

    Shapes: left (U, r), values (r,), right (I, r) float32 on one device.
    """

    left: torch.Tensor
    values: torch.Tensor
    right: torch.Tensor

    def first(self, rank: int) -> Triplets:
        """The ``rank`` largest, or all where there are fewer."""
        return Triplets(self.left[:, :rank].contiguous(), self.values[:rank], self.right[:, :rank].contiguous())


_held: dict[str, Triplets] = {}


def step(rank: int) -> int:
    """The rank that is computed where ``rank`` is asked for: 128, or the next multiple of 512."""
    return SMALL if rank <= SMALL else -(-rank // STEP) * STEP


def _computed(graph: Graph, rank: int) -> int:
    return min(step(rank), graph.n_users, graph.n_items)


def needed_bytes(graph: Graph, rank: int) -> int:
    """What :func:`leading` holds at its peak."""
    return needed(graph.n_users, graph.n_items, _computed(graph, rank))


def leading(
    graph: Graph, rank: int, *, folder: Path | None = None, device: torch.device | str = "cpu", seed: int = SEED
) -> Triplets:
    """The ``rank`` leading triplets; all that are not 0 where there are fewer.

    Read from ``folder`` where it holds them; computed, and put there, where it does not or where its file is damaged.
    Equal for an equal graph, seed, device and number of threads, whatever was asked for before.
    """
    device, computed = torch.device(device), _computed(graph, rank)
    name = f"{graph.hash}-v{VERSION}-r{computed}-s{seed}-{device.type}{torch.get_num_threads()}.safetensors"
    place = folder / name if folder else None
    found = _held.get(name) or (_read(place, device) if place else None)
    if found is None:
        found = Triplets(*decompose(product(normalised(histories(graph)), device), computed, seed))
        if place:
            _write(found, place)
    _hold(name, found)
    return found.first(rank)


def _hold(name: str, triplets: Triplets) -> None:
    """Keep the last few."""
    _held.pop(name, None)
    _held[name] = triplets
    for old in list(_held)[:-HELD]:
        del _held[old]


def _write(triplets: Triplets, place: Path) -> None:
    tensors = {name: getattr(triplets, name).cpu().contiguous() for name in NAMES}
    with replacing(place) as aside:
        save_file(tensors, aside, {SUM: _checksum(tensors)})


def _read(place: Path, device: torch.device) -> Triplets | None:
    """What the file holds; None where there is none or it is damaged."""
    try:
        with safe_open(place, "pt") as file:
            expected = (file.metadata() or {}).get(SUM)
            tensors = {name: file.get_tensor(name) for name in NAMES}
    except (OSError, SafetensorError):
        return None
    if _checksum(tensors) != expected:
        return None
    return Triplets(*(tensors[name].to(device) for name in NAMES))


def _checksum(tensors: dict[str, torch.Tensor]) -> str:
    total = 0
    for name in NAMES:
        total = zlib.crc32(tensors[name].numpy().tobytes(), total)
    return str(total)
