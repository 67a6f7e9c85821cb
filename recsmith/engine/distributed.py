"""Training in several processes, on one machine or many (docs/distributed.md).

``torchrun --nproc_per_node 2 -m recsmith.engine.distributed --graph DIR --valid DIR --architecture FILE --out DIR``

Every process draws the same batches, computes its share of each and gets the gradients of the whole batch: the result
is that of one process up to rounding. The first process evaluates, prints and writes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.store import save_model
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.progress import line
from recsmith.engine.train.team import Team
from recsmith.errors import UserError, unknown
from recsmith.files import read_json
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn, architecture

T = TypeVar("T")


class Processes(Team):
    """The team that torchrun started, this process being one of it."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size, self.device = distributed.get_rank(), distributed.get_world_size(), device

    def module(self, objective: Objective) -> nn.Module:
        """``objective`` with gradients averaged over the team."""
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(objective, device_ids=devices, forward_sync_buffers=False)

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of ``value`` over the team; shapes: () -> ()."""
        total = value.clone()
        distributed.all_reduce(total)
        return total

    def agreed(self, value: T) -> T:
        """What the first process has for ``value``."""
        box = [value]
        distributed.broadcast_object_list(box, device=self.device)
        return box[0]


@contextmanager
def processes(device: str, timeout: float) -> Iterator[tuple[Team, str]]:
    """Join the team for the block; gives it and this process's device. UserError where torchrun started nothing.

    A process that waits for another longer than ``timeout`` seconds ends with an error.
    """
    if "LOCAL_RANK" not in os.environ:
        raise UserError("recsmith.engine.distributed is started by torchrun, see docs/distributed.md.")
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    own = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if on_gpu else "cpu")
    if on_gpu:
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=timedelta(seconds=timeout))
    try:
        yield Processes(own), str(own)
    finally:
        distributed.destroy_process_group()


def read_settings(given: list[str]) -> dict[str, Any]:
    """``KEY=VALUE`` pairs as keyword arguments of ``FitSettings``; values are JSON, or words as they are."""
    known, found = {field.name for field in fields(FitSettings)}, {}
    for pair in given:
        name, _, text = pair.partition("=")
        if name not in known:
            raise unknown("--settings", name, known)
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        found[name] = tuple(value) if isinstance(value, list) else value
    return found


def read_architecture(path: Path) -> Gnn:
    """The network in a JSON file, as it is or under ``architecture``; UserError where it is none."""
    values = read_json(path)
    inner = values.get("architecture", values) if isinstance(values, dict) else values
    chosen = architecture(inner, str(path))
    if not isinstance(chosen, Gnn):
        raise UserError(f"{path} describes a {chosen.family}; only networks are trained in several processes.")
    return chosen


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="torchrun ... -m recsmith.engine.distributed", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--graph", type=Path, required=True, help="folder of the graph to learn from")
    made.add_argument("--valid", type=Path, help="folder of the pairs to stop by; not needed with epochs=N")
    made.add_argument("--architecture", type=Path, required=True, help="JSON file, e.g. data/search/best.json")
    made.add_argument("--settings", nargs="*", default=[], metavar="KEY=VALUE", help="e.g. batch_size=65536 epochs=20")
    made.add_argument("--out", type=Path, required=True, help="folder for the model")
    made.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for another process (600)")
    return made


def run(given: argparse.Namespace) -> None:
    """Train as the command line says."""
    values = read_settings(given.settings)
    chosen, graph = read_architecture(given.architecture), Graph.load(given.graph)
    valid = None if given.valid is None else Relevant.load(given.valid)
    with processes(values.get("device", "auto"), given.timeout) as (team, device):

        def say(text: str) -> None:
            if team.rank == 0:
                print(text, flush=True)

        settings = FitSettings(**{**values, "device": device})
        fitted = fit(chosen, graph, settings, valid, lambda row: say(line(row)), say, team)
        if team.rank == 0:
            save_model(fitted, given.out, graph)
            say(f"epoch {fitted.epochs} of {len(fitted.history)} is in {given.out}")


def main() -> None:
    """Train, and exit with 1 and a plain message where something given cannot be used."""
    try:
        run(parser().parse_args())
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
