"""Invented product names and regions for the demo."""

from __future__ import annotations

import numpy as np

REGIONS = ("Harbour", "Old Town", "Riverside", "Hillcrest", "Meadows")
MAKERS = (
    *("Alder", "Brindle", "Corvo", "Dunmore", "Elsin", "Fenwick", "Garrow", "Hollin", "Iverley", "Juno", "Kestrel"),
    *("Larkhill", "Morrow", "Norden", "Ostrava", "Pellam", "Quill", "Rowan", "Selby", "Tarn", "Umber", "Vesper"),
)
KINDS = {
    "Kitchen": ("Kettle", "Chef's Knife", "Skillet", "Teapot", "Mixing Bowl", "Coffee Grinder"),
    "Garden": ("Trowel", "Watering Can", "Pruning Shears", "Bird Feeder", "Seed Tray", "Hose Reel"),
    "Lighting": ("Desk Lamp", "Lantern", "Pendant Light", "Reading Light", "Floor Lamp", "Night Light"),
    "Outdoors": ("Tent", "Rucksack", "Camp Stove", "Sleeping Mat", "Head Torch", "Water Bottle"),
    "Music": ("Ukulele", "Guitar Strings", "Metronome", "Music Stand", "Harmonica", "Hand Drum"),
    "Stationery": ("Notebook", "Fountain Pen", "Desk Organiser", "Sketchbook", "Ink Bottle", "Wall Planner"),
    "Games": ("Chess Set", "Puzzle", "Card Game", "Dice Tower", "Go Board", "Word Game"),
    "Textiles": ("Wool Blanket", "Cushion", "Linen Towel", "Rug", "Quilt", "Apron"),
    "Bicycle": ("Saddle", "Pannier", "Bicycle Bell", "Track Pump", "Rear Light", "Chain Lock"),
    "Workshop": ("Hand Plane", "Mitre Box", "Socket Set", "Spirit Level", "Tool Roll", "Bench Vice"),
}
PRICES = ("low", "middle", "high")
ITEMS_A_CATEGORY = 12


def categories(items: int) -> int:
    """How many categories a catalogue of this size has."""
    return max(2, min(len(KINDS), items // ITEMS_A_CATEGORY))


def products(category: np.ndarray, rng: np.random.Generator) -> tuple[list[str], list[str], list[str]]:
    """Titles (each once), category names and price bands for products of these category numbers, shape (I,)."""
    names = list(KINDS)
    seen: dict[str, int] = {}
    titles = []
    for number in category:
        kinds = KINDS[names[number]]
        plain = f"{MAKERS[rng.integers(len(MAKERS))]} {kinds[rng.integers(len(kinds))]}"
        seen[plain] = seen.get(plain, 0) + 1
        titles.append(plain if seen[plain] == 1 else f"{plain} No. {seen[plain]}")
    prices = [PRICES[n] for n in rng.integers(len(PRICES), size=len(category))]
    return titles, [names[number] for number in category], prices
