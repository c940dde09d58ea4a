"""Streams of labelled requests to replay: two of our own, and other people's files.

A label says which answer is right: two questions with one label may share an answer, two with different labels must
not. A seed makes the same stream each time.
"""

from __future__ import annotations

import argparse
import bisect
import gzip
import itertools
import json
import random
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Catalogue = Mapping[str, Sequence[str]]  # the ways to ask, by intent; the usual one first

INTENTS = Path(__file__).with_name("intents.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    question: str
    label: str


# A repetitive one: the customers of a shop.

_PRODUCTS = (
    "kettle|toaster|blender|backpack|tent|raincoat|bicycle helmet|desk lamp|office chair|bookshelf|sofa|mattress|"
    "pillow|blanket|curtain|rug|frying pan|rice cooker|coffee grinder|water bottle|lunch box|umbrella|suitcase|wallet|"
    "wrist watch|headphones|keyboard|monitor|printer|router|power bank|camera|tripod|guitar|drum kit|yoga mat|dumbbell"
)
_COLOURS = "red|blue|black|white|yellow|orange|purple|brown|pink|grey|silver|turquoise"
_USES = ("small children", "the garden", "a beginner", "heavy rain", "long trips", "a small flat", "left-handed people")
_SINGLE = (
    "How heavy is the {}?",
    "What is the {} made of?",
    "How do I clean the {}?",
    "Who makes the {}?",
    "Where is the {} produced?",
)


def _asked_once(rng: random.Random) -> Iterator[Asked]:
    """Questions about one product, in an order of their own; each its own answer. They look alike."""
    products, colours = _PRODUCTS.split("|"), _COLOURS.split("|")
    about = [
        *(f"Does the {product} come in {colour}?" for product in products for colour in colours),
        *(f"Is the {product} suitable for {use}?" for product in products for use in _USES),
        *(text.format(product) for product in products for text in _SINGLE),
    ]
    rng.shuffle(about)
    for question in about:
        yield Asked(question=question, label=f"once: {question}")


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:] if text[:2] not in ("I ", "I'") else text


_MANNERS = (
    lambda text: text.lower().rstrip("?"),
    lambda text: text.rstrip("?"),
    lambda text: f"Hi, {_lowered(text)}",
    lambda text: f"Hello! {text}",
    lambda text: f"{text} Thanks!",
    lambda text: text.replace("?", "??") if "?" in text else f"{text}.",
)


def draw(catalogue: Catalogue, given: argparse.Namespace) -> list[Asked]:
    """--requests of them: a share `--one-off` is asked once; of the others the intent is drawn by Zipf's law (exponent
    `--zipf`, popularity in an order of the seed's), its wording by Zipf's law, too (`--zipf-wording`, in the order of
    the catalogue), and with the chance `--manner` it is written in another manner (small letters, no mark, a greeting).
    """
    rng = random.Random(given.seed)
    intents = sorted(catalogue)
    rng.shuffle(intents)
    once = _asked_once(random.Random(f"{given.seed}/once"))
    popularity = steps(len(intents), given.zipf)
    wordings = {intent: steps(len(catalogue[intent]), given.zipf_wording) for intent in intents}
    told = []
    for _ in range(given.requests):
        new = next(once, None) if rng.random() < given.one_off else None
        if new is None:
            intent = intents[drawn(rng, popularity)]
            question = catalogue[intent][drawn(rng, wordings[intent])]
            if rng.random() < given.manner:
                question = rng.choice(_MANNERS)(question)
            new = Asked(question=question, label=intent)
        told.append(new)
    return told


def steps(count: int, exponent: float) -> list[float]:
    return list(itertools.accumulate(1.0 / rank**exponent for rank in range(1, count + 1)))


def drawn(rng: random.Random, within: Sequence[float]) -> int:
    return min(bisect.bisect(within, rng.uniform(0.0, within[-1])), len(within) - 1)


def intents() -> Catalogue:
    with INTENTS.open("rb") as file:
        return {name: text.split("\n")[:-1] for name, text in tomllib.load(file).items()}


# One that semantic matching does not help: analysts and programmers, whose questions differ in what they are about.

_MEASURES = "revenue|gross margin|number of new customers|churn rate|average order value|return rate|stock turnover"
_REGIONS = "Germany|France|Spain|Italy|Poland|Norway|Japan|Brazil|Canada|Kenya|India|Mexico"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_ACTIONS = "sorts|merges|validates|parses|compresses|deduplicates|paginates|serialises|caches|streams"
_THINGS = (
    "a list of dates|two log files|an email address|a CSV file|a nested dictionary|a tree of folders|a time series"
)
_TONGUES = "Python|JavaScript|Go|Rust|Java|Ruby"
_CODE = "Write a function in {tongue} that {action} {thing}."
_ANALYTICS = (
    "What was the {measure} in {region} in {month} {year}?",
    "Compare the {measure} of {region} in {month} {year} with the year before.",
    "Show me the ten stores in {region} with the highest {measure} in {month} {year}.",
    "Why did the {measure} in {region} fall in {month} {year}?",
    "Forecast the {measure} of {region} for {month} {year}.",
)


def slots(given: argparse.Namespace) -> list[Asked]:
    """--requests of them: a question to analytics, or for code, with new slots each time; with the chance `--again` the
    same as one of the last twenty."""
    rng = random.Random(given.seed)
    told: list[Asked] = []
    for _ in range(given.requests):
        if told and rng.random() < given.again:
            told.append(rng.choice(told[-20:]))
            continue
        one = {name: rng.choice(values.split("|")) for name, values in _SLOTS.items()}
        text = (_CODE if rng.random() < 0.3 else rng.choice(_ANALYTICS)).format(**one, year=rng.randrange(2015, 2026))
        told.append(Asked(question=text, label=text))
    return told


_SLOTS = {
    "measure": _MEASURES,
    "region": _REGIONS,
    "month": _MONTHS,
    "action": _ACTIONS,
    "thing": _THINGS,
    "tongue": _TONGUES,
}


# Other people's.


def stream(path: Path, given: argparse.Namespace) -> list[Asked]:
    """A file of JSON lines, each with `question` and `intent` (or `t` and `g`; without the second a text is its own
    label), in its order, or shuffled; --requests of them at most."""
    told = [Asked(question=text, label=label or f"alone: {text}") for text, label in _rows(path)]
    if given.shuffle:
        random.Random(given.seed).shuffle(told)
    return told[: given.requests]


def catalogue(path: Path) -> Catalogue:
    """The same file as intents to draw from."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for text, label in _rows(path):
        if text not in found[label or text]:
            found[label or text].append(text)
    return found


def _rows(path: Path) -> Iterator[tuple[str, str | None]]:
    for row in _objects(path):
        label = row.get("intent", row.get("g"))
        yield row["question"] if "question" in row else row["t"], None if label is None else str(label)


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return (json.loads(line) for line in data.decode().splitlines() if line.strip())


def files(path: Path) -> list[Path]:
    """The file, or those of the folder that are streams; files of pairs are for decide.py."""
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    return [one for one in found if one.name.endswith((".jsonl", ".jsonl.gz")) and not _of_pairs(one)]


def _of_pairs(path: Path) -> bool:
    return "y" in next(_objects(path), {})
