"""Prices: what is charged, whose price it is, and that an unknown price stays unknown. No genai-prices needed here:
`python tools/make_prices.py --check` compares the snapshot with it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel import prices
from beastmode_otel.errors.tree import ConfigError
from beastmode_otel.prices import Price, PriceBook, parse_snapshot, price_from_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


MILLION = 1_000_000
ONE_EACH = Usage(input_tokens=MILLION, output_tokens=MILLION)
PRICE = Price(input=2.0, output=8.0, cached_input=0.5, cache_write=2.5)

amounts = st.floats(min_value=0, max_value=1_000, allow_nan=False)
counts = st.none() | st.integers(min_value=0, max_value=10**9)
flat_prices = st.builds(
    Price,
    input=amounts,
    output=amounts,
    cached_input=st.none() | amounts,
    cache_write=st.none() | amounts,
    reasoning=st.none() | amounts,
    per_request=amounts,
)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cached_input_tokens=counts,
    cache_write_tokens=counts,
    reasoning_tokens=counts,
)


def snapshot(**models: list[object]) -> prices.Snapshot:
    """A snapshot whose providers have the given rows; openai and anthropic are vendors."""
    providers = {name: {"names": [name], "fallback": [], "models": rows} for name, rows in models.items()}
    vendors = [name for name in ("openai", "anthropic") if name in models]
    return parse_snapshot(json.dumps({"date": "2026-01-31", "vendors": vendors, "providers": providers}))


class TestCost:
    def test_plain_tokens(self) -> None:
        assert PRICE.cost(ONE_EACH) == pytest.approx(10.0)

    def test_cached_and_written_tokens_are_part_of_input(self) -> None:
        usage = Usage(input_tokens=MILLION, output_tokens=0, cached_input_tokens=600_000, cache_write_tokens=100_000)
        assert PRICE.cost(usage) == pytest.approx(0.3 * 2.0 + 0.6 * 0.5 + 0.1 * 2.5)

    def test_without_their_own_price_they_cost_what_input_costs(self) -> None:
        usage = Usage(input_tokens=MILLION, cached_input_tokens=600_000, cache_write_tokens=100_000)
        assert Price(input=2.0, output=8.0).cost(usage) == pytest.approx(2.0)

    def test_reasoning_is_inside_output(self) -> None:
        usage = Usage(output_tokens=MILLION, reasoning_tokens=400_000)
        assert PRICE.cost(usage) == pytest.approx(8.0)
        assert Price(input=2.0, output=8.0, reasoning=3.0).cost(usage) == pytest.approx(0.6 * 8.0 + 0.4 * 3.0)

    def test_a_tier_holds_for_all_tokens_of_the_call(self) -> None:
        tiered = Price(
            input=1.0,
            output=2.0,
            tiers=((200_000, Price(input=3.0, output=4.0)), (400_000, Price(input=5.0, output=6.0))),
        )
        assert tiered.cost(Usage(input_tokens=200_000)) == pytest.approx(0.2)
        assert tiered.cost(Usage(input_tokens=200_001)) == pytest.approx(0.600003)
        assert tiered.cost(Usage(input_tokens=500_000, output_tokens=MILLION)) == pytest.approx(2.5 + 6.0)

    def test_per_request_is_charged_once_also_in_a_tier(self) -> None:
        tiered = Price(input=1.0, output=1.0, per_request=0.01, tiers=((10, Price(input=1.0, output=1.0)),))
        assert tiered.cost(Usage(input_tokens=0, output_tokens=0)) == pytest.approx(0.01)
        assert tiered.cost(Usage(input_tokens=MILLION)) == pytest.approx(1.01)

    def test_no_counts_is_unknown_and_one_count_is_enough(self) -> None:
        assert PRICE.cost(Usage(cached_input_tokens=5)) is None
        assert PRICE.cost(Usage(output_tokens=MILLION)) == pytest.approx(8.0)

    def test_output_without_a_price_is_unknown(self) -> None:
        embedding = Price(input=0.02)
        assert embedding.cost(Usage(input_tokens=MILLION, output_tokens=0)) == pytest.approx(0.02)
        assert embedding.cost(ONE_EACH) is None

    def test_more_cached_than_input_does_not_turn_negative(self) -> None:
        usage = Usage(input_tokens=10, output_tokens=-3, cached_input_tokens=MILLION, reasoning_tokens=7)
        assert PRICE.cost(usage) == pytest.approx(0.5)

    @given(price=flat_prices, usage=usages)
    def test_never_negative_and_unknown_only_without_counts(self, price: Price, usage: Usage) -> None:
        cost = price.cost(usage)
        assert (cost is None) == (usage.input_tokens is None and usage.output_tokens is None)
        assert cost is None or cost >= 0

    @given(price=flat_prices, tokens=st.tuples(*[st.integers(0, 10**9)] * 4))
    def test_more_tokens_never_cost_less(self, price: Price, tokens: tuple[int, int, int, int]) -> None:
        base_in, base_out, more_in, more_out = tokens
        less = price.cost(Usage(input_tokens=base_in, output_tokens=base_out, cached_input_tokens=base_in // 2))
        more = price.cost(
            Usage(input_tokens=base_in + more_in, output_tokens=base_out + more_out, cached_input_tokens=base_in // 2)
        )
        assert less is not None
        assert more is not None
        assert more >= less * (1 - 1e-12)


class TestListPrices:
    @pytest.mark.parametrize(
        ("model", "provider", "input_price", "output_price"),
        [
            ("gpt-4o", "openai", 2.5, 10),
            ("gpt-4o-mini-2024-07-18", "openai", 0.15, 0.6),
            ("GPT-4o-mini", "OpenAI", 0.15, 0.6),
            ("gpt-4o-mini", "azure.ai.openai", 0.15, 0.6),
            ("claude-sonnet-4-5-20250929", "anthropic", 3, 15),
            ("claude-sonnet-4-5-20250929", None, 3, 15),
            ("claude-sonnet-4-5-20250929", "some-gateway", 3, 15),
            ("anthropic/claude-sonnet-4-5", None, 3, 15),
            ("claude-sonnet-4-5", "gcp.vertex_ai", 3, 15),
            ("gemini-2.5-pro", "gcp.gemini", 1.25, 10),
            ("llama-3.3-70b-versatile", "groq", 0.59, 0.79),
            ("gpt-5.2-20251211", "openai", 1.75, 14),
            ("openai/gpt-oss-120b:cerebras", "huggingface", 0.35, 0.75),
        ],
    )
    def test_anchors(self, model: str, provider: str | None, input_price: float, output_price: float) -> None:
        price = PriceBook().price(model, provider)
        assert price is not None
        assert (price.input, price.output) == (input_price, output_price)

    def test_cached_input_and_tiers_come_along(self) -> None:
        price = PriceBook().price("claude-sonnet-4-5", "anthropic")
        assert price is not None
        assert (price.cached_input, price.cache_write) == (0.3, 3.75)
        assert [above for above, _ in price.tiers] == [200_000]
        assert PriceBook().cost("claude-sonnet-4-5", "anthropic", ONE_EACH) == pytest.approx(6 + 22.5)

    @pytest.mark.parametrize(
        "provider", ["openai", "mistral_ai", "groq", "aws.bedrock", "gcp.gemini", "x_ai", "deepseek"]
    )
    def test_names_of_the_convention_are_known(self, provider: str) -> None:
        assert prices.normalised(provider) in prices.bundled().aliases

    @pytest.mark.parametrize(
        ("model", "provider"),
        [
            ("no-such-model", "openai"),
            ("no-such-model", None),
            ("claude-sonnet-4-5", "groq"),  # a known provider answers for itself
            ("whisper-1", "openai"),  # sold by the minute
            ("meta-llama/llama-3.3-70b-instruct", None),  # many sell it, each at its own price
            ("deepseek-r1-distill-llama-70b", None),  # under a vendor's rule, but not the vendor's model
            ("gpt-4o", "local"),
            ("gpt-4o", "LM-Studio"),
            ("gpt-4o", "custom"),
            ("gpt-4o", "github_models"),  # one that we know, with prices that nobody publishes by the token
            ("openai/gpt-oss-120b", "huggingface"),  # its router chooses who serves it
            ("openai/gpt-oss-120b:fastest", "huggingface"),
        ],
    )
    def test_unknown_is_none(self, model: str, provider: str | None) -> None:
        book = PriceBook()
        assert book.price(model, provider) is None
        assert book.cost(model, provider, ONE_EACH) is None

    def test_snapshot_date(self) -> None:
        assert date.fromisoformat(prices.snapshot_date()) >= date(2026, 11, 23)

    def test_every_row_is_a_price_that_makes_sense(self) -> None:
        for table in prices.bundled().tables.values():
            for name in table.names:
                found = table.find(name)
                assert found is not None
                cost = found.price.cost(Usage(input_tokens=1_000)) if found.price else 0.0
                assert cost is not None
                assert 0 <= cost < 100

    def test_import_reads_nothing(self) -> None:
        code = (
            "import sys, beastmode_otel.prices as p; print(p.bundled.cache_info().currsize, 'pydantic' in sys.modules)"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert answer.stdout.split() == ["0", "False"]


class TestUnknownProvider:
    def test_the_vendor_who_names_it_wins_over_resellers(self) -> None:
        book = snapshot(aaa=[[["m"], [], {"input": 9}]], openai=[[["m"], [], {"input": 1}]])
        assert book.find("m", None) == Price(input=1)

    def test_the_first_vendor_wins(self) -> None:
        book = snapshot(anthropic=[[["m"], [], {"input": 9}]], openai=[[["m"], [], {"input": 1}]])
        assert book.find("m", "gateway") == Price(input=1)

    def test_resellers_must_agree(self) -> None:
        agreed = snapshot(a=[[["m"], [], {"input": 9}]], b=[[["m"], [], {"input": 9}]])
        divided = snapshot(a=[[["m"], [], {"input": 9}]], b=[[["m"], [], {"input": 8}]])
        assert agreed.find("m", None) == Price(input=9)
        assert divided.find("m", None) is None

    def test_a_vendors_rule_must_agree_with_resellers_names(self) -> None:
        book = snapshot(a=[[["m-2"], [], {"input": 9}]], openai=[[[], [["prefix", "m"]], {"input": 1}]])
        assert book.find("m-1", None) == Price(input=1)
        assert book.find("m-2", None) is None

    def test_a_resellers_rule_is_not_enough(self) -> None:
        assert snapshot(a=[[[], [["contains", "m"]], {"input": 9}]]).find("m", None) is None

    def test_a_vendor_without_a_token_price_settles_it(self) -> None:
        assert snapshot(a=[[["m"], [], {"input": 9}]], openai=[[["m"], [], None]]).find("m", None) is None


class TestMatching:
    @pytest.mark.parametrize(
        ("rule", "yes", "no"),
        [
            (["exact", "ab"], "ab", "abc"),
            (["prefix", "ab"], "abc", "cab"),
            (["suffix", "ab"], "cab", "abc"),
            (["contains", "ab"], "cabc", "cb"),
            (["regex", r"^a\d$"], "a1", "a12"),
            (["any", [["exact", "x"], ["prefix", "ab"]]], "abc", "y"),
            (["all", [["prefix", "ab"], ["suffix", "z"]]], "abz", "abc"),
        ],
    )
    def test_rules(self, rule: list[object], yes: str, no: str) -> None:
        assert prices.matches(rule, yes)
        assert not prices.matches(rule, no)

    def test_a_rule_of_a_later_version_matches_nothing(self) -> None:
        assert not prices.matches(["sounds-like", "a"], "a")

    def test_the_first_row_wins_by_name_or_by_rule(self) -> None:
        rows: list[object] = [
            [["ab"], [], {"input": 1}],
            [[], [["prefix", "a"]], {"input": 2}],
            [["ac"], [], {"input": 3}],
        ]
        table = snapshot(openai=rows).tables["openai"]
        found = [table.find(name) for name in ("ab", "ac", "ad")]
        assert [each and each.price for each in found] == [Price(input=1), Price(input=2), Price(input=2)]


class TestOverrides:
    def test_model_then_provider_and_model_then_list_price(self) -> None:
        book = PriceBook({"gpt-4o": PRICE, "openai/gpt-4o-mini": Price(input=7.0, output=7.0)})
        assert book.price("gpt-4o", "openai") == book.price("gpt-4o", None) == PRICE
        assert book.price("gpt-4o-mini", "openai") == Price(input=7.0, output=7.0)
        assert book.price("gpt-4o-mini", "azure.ai.openai") == PriceBook().price("gpt-4o-mini", "azure.ai.openai")

    def test_the_name_with_its_provider_comes_first(self) -> None:
        special = Price(input=7.0, output=7.0)
        book = PriceBook({"m": PRICE, "openai/m": special})
        assert book.price("m", "openai") == special
        assert book.price("m", "groq") == PRICE

    def test_a_local_server_can_be_priced(self) -> None:
        free = Price(input=0.0, output=0.0)
        assert PriceBook({"local/llama3": free}).cost("llama3", "local", ONE_EACH) == 0.0

    def test_a_long_name_can_be_priced(self) -> None:
        assert PriceBook({"M" * 1_000: PRICE}).price("m" * 1_000, None) == PRICE


class TestBook:
    def test_ten_thousand_junk_names_do_not_grow_memory(self) -> None:
        book = PriceBook()
        for index in range(10_000):
            assert book.price(f"junk-{index}", "openai") is None
        assert len(book._seen) <= prices.MAX_REMEMBERED

    def test_long_names_are_not_kept(self) -> None:
        book = PriceBook()
        assert book.price("gpt-4o" + "x" * 1_000_000, "openai") is None
        assert book.price("gpt-4o", "o" * 1_000) is None
        assert not book._seen

    def test_misses_are_resolved_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(prices.Snapshot, "find", lambda self, model, provider: asked.append(model))
        book = PriceBook()
        assert [book.price("x", None), book.price("x", None), book.price("x", "openai")] == [None, None, None]
        assert asked == ["x", "x"]

    @given(model=st.text(), provider=st.none() | st.text())
    def test_never_raises_on_junk(self, model: str, provider: str | None) -> None:
        price = PriceBook().price(model, provider)
        assert price is None or isinstance(price, Price)

    def test_threads_agree(self) -> None:
        prices.bundled.cache_clear()
        book, start, found = PriceBook(), threading.Barrier(8), []

        def ask() -> None:
            start.wait()
            for index in range(2_000):
                book.price(f"junk-{index}", "openai")
            found.append(book.price("gpt-4o", "openai"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [PriceBook().price("gpt-4o", "openai")] * 8
        assert len(book._seen) <= prices.MAX_REMEMBERED


class TestConfig:
    def test_all_keys(self) -> None:
        table = {"input": 2, "output": 8.0, "cached_input": 0.5, "cache_write": 2.5, "per_request": 0.01}
        expected = Price(input=2.0, output=8.0, cached_input=0.5, cache_write=2.5, per_request=0.01)
        assert price_from_config(table) == expected

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"input": 1, "ouput": 2}, 'prices."m": unknown key ouput'),
            ({"output": 1}, 'prices."m": input is missing'),
            ({"input": -1}, 'prices."m".input: -1 is not a price'),
            ({"input": float("nan")}, 'prices."m".input: nan is not a price'),
            ({"input": 10**400}, 'prices."m".input: 1'),
            ({"input": True}, 'prices."m".input: True is not a number'),
            ({"input": 1, "output": "2"}, "prices.\"m\".output: '2' is not a number"),
            ({"input": None}, 'prices."m".input: None is not a number'),
        ],
    )
    def test_what_cannot_be_a_price(self, table: Mapping[str, object], message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            price_from_config(table, where='prices."m"')
        assert caught.value.message.startswith(message)
