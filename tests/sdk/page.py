"""The table of docs/clients.md, made of what the tests of this folder have seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
BEGIN, END = "<!-- table: made by tests/sdk, see tools/make_clients_table.py -->", "<!-- end of table -->"
WORLDS = ("sync", "async")
Fact = Literal["seen", "cached", "bypassed"]

# What has been seen: by kind of call, world and fact. Written by the tests that see it.
RESULTS: set[tuple[str, str, Fact]] = set()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line. kinds: the calls that were tried, named as in plan.py; those of a stream are named so."""

    package: str
    client: str
    calls: str
    kinds: tuple[str, ...]
    caveat: str = ""

    @property
    def streams(self) -> tuple[str, ...]:
        return tuple(kind for kind in self.kinds if "stream" in kind or "helper" in kind)

    def cells(self) -> tuple[str, ...]:
        whole = tuple(kind for kind in self.kinds if kind not in self.streams)
        return (
            *(_all(whole, (world,), "seen") for world in WORLDS),
            _all(self.streams, WORLDS, "seen") if self.streams else "–",
            _cached(self.kinds),
        )


def _all(kinds: tuple[str, ...], worlds: tuple[str, ...], fact: Fact) -> str:
    return "yes" if all((kind, world, fact) in RESULTS for kind in kinds for world in worlds) else "no"


def _cached(kinds: tuple[str, ...]) -> str:
    if _all(kinds, WORLDS, "cached") == "yes":
        return "yes"
    return "no" if _all(kinds, WORLDS, "bypassed") == "yes" else "untried"


ROWS = (
    Row(
        package="openai",
        client="`OpenAI`, `AsyncOpenAI`",
        calls="`chat.completions.create`, `.stream`",
        kinds=(
            "openai-chat", "openai-chat-tool", "openai-chat-stream", "openai-chat-stream-bare", "openai-chat-helper",
            "openai-retry", "openai-retry-stream",
        ),
        caveat="a stream without `stream_options={\"include_usage\": True}` tells no tokens: ours are marked guesses",
    ),
    Row(
        package="openai",
        client="`OpenAI`, `AsyncOpenAI`",
        calls="`responses.create`, `store=False`",
        kinds=("openai-responses", "openai-responses-stream"),
    ),
    Row(
        package="openai",
        client="`OpenAI`, `AsyncOpenAI`",
        calls="`responses.create`",
        kinds=("openai-responses-kept",),
        caveat="OpenAI keeps the answer for later calls, so it is asked each time",
    ),
    Row(package="openai", client="`OpenAI`, `AsyncOpenAI`", calls="`embeddings.create`", kinds=("openai-embeddings",)),
    Row(
        package="openai",
        client="`OpenAI`, `AsyncOpenAI`",
        calls="`completions.create` (legacy)",
        kinds=("openai-completions", "openai-completions-stream"),
        caveat="usage in streams as with chat",
    ),
    Row(
        package="openai",
        client="`AzureOpenAI`, `AsyncAzureOpenAI`",
        calls="`chat.completions.create`",
        kinds=("azure-chat", "azure-chat-stream"),
        caveat="the model is the deployment's name",
    ),
    Row(
        package="anthropic",
        client="`Anthropic`, `AsyncAnthropic`",
        calls="`messages.create`, `.stream`",
        kinds=(
            "anthropic-messages", "anthropic-messages-tool", "anthropic-messages-stream", "anthropic-messages-helper",
            "anthropic-retry", "anthropic-retry-stream",
        ),
        caveat="traces itself too: set `ANTHROPIC_OPEN_TELEMETRY=false`, or see two spans for a call",
    ),
    Row(
        package="mistralai",
        client="`Mistral`",
        calls="`chat.complete`, `.stream`",
        kinds=("mistral-chat", "mistral-chat-stream", "mistral-retry", "mistral-retry-stream"),
        caveat="retries only where the app passes a `RetryConfig`",
    ),
    Row(
        package="mistralai",
        client="`Mistral`",
        calls="`fim.complete`, `.stream`",
        kinds=("mistral-fim", "mistral-fim-stream"),
    ),
    Row(package="mistralai", client="`Mistral`", calls="`embeddings.create`", kinds=("mistral-embeddings",)),
    Row(
        package="groq",
        client="`Groq`, `AsyncGroq`",
        calls="`chat.completions.create`",
        kinds=("groq-chat", "groq-chat-stream", "groq-retry", "groq-retry-stream"),
    ),
    Row(package="groq", client="`Groq`, `AsyncGroq`", calls="`embeddings.create`", kinds=("groq-embeddings",)),
    Row(
        package="google-genai",
        client="`Client`, `Client.aio`",
        calls="`models.generate_content`, `_stream`",
        kinds=(
            "gemini-generate", "gemini-generate-tool", "gemini-stream", "gemini-retry", "gemini-retry-stream",
        ),
        caveat="`aio` sends by aiohttp as soon as that is installed, and then past us",
    ),
    Row(
        package="google-genai",
        client="`Client`, `Client.aio`",
        calls="`generate_content` with Google's tools",
        kinds=("gemini-search",),
        caveat="a search answers differently tomorrow, so it is asked each time",
    ),
    Row(
        package="google-genai",
        client="`Client`, `Client.aio`",
        calls="`models.embed_content`",
        kinds=("gemini-embeddings",),
    ),
    Row(
        package="cohere",
        client="`ClientV2`, `AsyncClientV2`",
        calls="`chat`, `chat_stream`",
        kinds=("cohere-chat", "cohere-chat-tool", "cohere-chat-stream", "cohere-retry"),
        caveat="the first version of its API is seen, not cached",
    ),
    Row(package="cohere", client="`ClientV2`, `AsyncClientV2`", calls="`embed`", kinds=("cohere-embeddings",)),
)  # fmt: skip


def tried(package: str) -> str:
    return f"{package} {version(package)}"


def line(row: Row) -> str:
    return f"| {tried(row.package)} | {row.client} | {row.calls} | {' | '.join(row.cells())} | {row.caveat} |"


def table() -> str:
    head = "| SDK | client | calls | sync | async | stream | cache | caveat |\n|---|---|---|---|---|---|---|---|"
    return "\n".join([head, *map(line, ROWS)])


def committed() -> str:
    page = PAGE.read_text(encoding="utf-8")
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip()


def write() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    PAGE.write_text(f"{before}\n{table()}\n{after}", encoding="utf-8")


def without_minor(text: str) -> str:
    """Versions to their first number: a new release is tried by the next run, a new generation makes the page false."""
    return re.sub(r"^\| (\S+ \d+)\.[\w.]+ \|", r"| \1 |", text, flags=re.MULTILINE)


def complete() -> bool:
    """Whether every call of the table was tried in both worlds and both ways."""
    return all(
        any((kind, world, fact) in RESULTS for fact in facts)
        for row in ROWS
        for kind in row.kinds
        for world in WORLDS
        for facts in (("seen",), ("cached", "bypassed"))
    )


def saw(kinds: Mapping[str, Fact], world: str) -> None:
    RESULTS.update((kind, world, fact) for kind, fact in kinds.items())
