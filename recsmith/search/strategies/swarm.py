"""Particle swarm (Kennedy and Eberhart 1995) over vectors: each particle is drawn to its own best and to the swarm's.

Weights are those under which a swarm contracts (Clerc and Kennedy 2002, section V); choices take the nearest value in
their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nni.tuner import Tuner

from recsmith.search.strategies.base import Learner, Settings
from recsmith.search.tree import knobs_of
from recsmith.search.vector import Vectors

INERTIA, PULL = 0.7298, 1.4962
SPEED = 0.5
"""The most that a place of a vector, from 0 to 1, changes in one move."""


class Pso(Learner):
    """The swarm moves particle by particle, so that parallel trials never wait for one another."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        super().__init__(Swarm(known), known)


@dataclass
class Particle:
    """Where it is and where it found the most; vectors (places,)."""

    place: np.ndarray
    speed: np.ndarray
    best: np.ndarray
    value: float = -np.inf


class Swarm(Tuner):
    """Particles that take turns; as many as fit four times into the trials, from 4 to 20."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.random = np.random.default_rng(settings.seed)
        self.size = min(20, max(4, settings.trials // 4))
        self.particles: list[Particle] = []
        self.best, self.value = np.empty(0), -np.inf
        self.turn = 0
        self.running: dict[int, tuple[Particle, np.ndarray]] = {}

    def update_search_space(self, search_space: Any) -> None:
        """Take the space; the swarm is spread evenly over it."""
        self.vectors = Vectors(search_space)
        self.particles = [self._hatched() for _ in range(self.size)]

    def _hatched(self) -> Particle:
        place, length = self.random.random(len(self.vectors)), len(self.vectors)
        return Particle(place, self.random.uniform(-SPEED, SPEED, length) / 2, place)

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """Where the next particle is now; from its second turn on it moves first."""
        particle = self.particles[self.turn % self.size]
        if self.turn >= self.size:
            self._move(particle)
        self.turn += 1
        self.running[parameter_id] = particle, particle.place
        return self.vectors.decode(particle.place)

    def _move(self, particle: Particle) -> None:
        own, common = self.random.random((2, len(self.vectors))) * PULL
        leader = self.best if len(self.best) else particle.place
        pulled = own * (particle.best - particle.place) + common * (leader - particle.place)
        particle.speed = np.clip(INERTIA * particle.speed + pulled, -SPEED, SPEED)
        particle.place = np.clip(particle.place + particle.speed, 0, 1)

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: float, **kwargs: Any) -> None:
        """Note what was found; results of proposals that no particle made may lead the swarm too."""
        place = self.vectors.encode(knobs_of(parameters))
        if parameter_id in self.running:
            particle, place = self.running.pop(parameter_id)
            if value > particle.value:
                particle.best, particle.value = place, value
        if value > self.value:
            self.best, self.value = place, value
