"""What the asynchronous port promises beyond what both ports do (`cache/tier.py`), as tests for anybody's tier."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, Final

import pytest

from beastmode_otel.cache import TierUnavailable
from beastmode_otel.testing.samples import entry, key

HANG: Final = 20.0  # seconds: far longer than any of these tests waits
SOON: Final = 2.0


def filled(stand: Any, count: int = 1, **options: Any) -> Any:
    tier = stand.tier(**options)
    for number in range(count):
        tier.put(entry(key(number), text=str(number)))
    return tier


async def read(tier: Any, count: int) -> list[str | None]:
    found = await asyncio.gather(*(tier.get(key(number)) for number in range(count)))
    return [one and one.text for one in found]


class AsyncTierContract:
    """As BlockingTierContract, for `get` and `aclose`; the entries are put by the blocking port."""

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Any:
        raise NotImplementedError("define a fixture `stand` in your class: a beastmode_otel.testing.Stand of your tier")

    def test_many_reads_at_once_each_get_their_own_answer(self, stand: Any) -> None:
        tier = filled(stand, 50)

        async def main() -> list[str | None]:
            found = await read(tier, 60)
            await tier.aclose()
            return found

        assert asyncio.run(main()) == [*map(str, range(50)), *[None] * 10]

    def test_loops_one_after_another_even_if_none_was_closed(self, stand: Any) -> None:
        """What the first loop left open is never used on the second."""
        tier = filled(stand, 3)
        for _ in range(3):
            assert asyncio.run(read(tier, 3)) == ["0", "1", "2"]

    def test_loops_at_the_same_time(self, stand: Any) -> None:
        tier, found = filled(stand, 8), list[list[str | None]]()

        async def main() -> None:
            for _ in range(20):
                found.append(await read(tier, 8))
            await tier.aclose()

        threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [list(map(str, range(8)))] * 80

    def test_aclose_is_idempotent_and_a_later_read_opens_anew(self, stand: Any) -> None:
        tier = filled(stand)

        async def main() -> None:
            await tier.aclose()
            for _ in range(2):
                assert (await tier.get(key(0))).text == "0"
                await tier.aclose()
                await tier.aclose()

        asyncio.run(main())

    def test_what_it_finds_damaged_is_counted_and_deleted_behind(self, stand: Any) -> None:
        tier = filled(stand)
        stand.spoil(key(0), b"junk")
        assert asyncio.run(tier.get(key(0))) is None
        assert tier.damaged == 1
        assert stand.pool.drain(10)
        assert tier.stats().entries == 0


class AsyncNetworkContract:
    """For a tier behind a socket, whose stand can also make it hang and lose connections (NetworkStand)."""

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Any:
        raise NotImplementedError(
            "define a fixture `stand` in your class: a beastmode_otel.testing.NetworkStand of your tier"
        )

    def test_connections_are_kept_for_the_next_read(self, stand: Any) -> None:
        tier = filled(stand)

        async def main() -> int:
            for _ in range(20):
                await tier.get(key(0))
            await tier.aclose()
            return int(stand.connections)

        before = stand.connections
        assert asyncio.run(main()) == before + 1

    def test_one_that_hangs_ends_by_the_hard_timeout_and_blocks_no_loop(self, stand: Any) -> None:
        tier = filled(stand, hard=0.25)

        async def main() -> int:
            ticks = 0
            reading = asyncio.create_task(tier.get(key(0)))
            while not reading.done():
                await asyncio.sleep(0.005)
                ticks += 1
            with pytest.raises(TierUnavailable) as refused:
                await reading
            assert not refused.value.healthy
            await tier.aclose()
            return ticks

        stand.hang(HANG)
        began = time.monotonic()
        assert asyncio.run(main()) >= 5
        assert 0.2 < time.monotonic() - began < SOON

    def test_a_lost_connection_is_unhealthy_and_the_next_read_opens_another(self, stand: Any) -> None:
        tier = filled(stand)

        async def main() -> None:
            assert (await tier.get(key(0))).text == "0"
            stand.lose(True)
            with pytest.raises(TierUnavailable) as refused:
                await tier.get(key(0))
            assert not refused.value.healthy
            stand.lose(False)
            assert (await tier.get(key(0))).text == "0"
            await tier.aclose()

        asyncio.run(main())

    def test_reads_that_are_cancelled_harm_no_other(self, stand: Any) -> None:
        """No answer of a cancelled command is taken for another one's."""
        tier = filled(stand, 40)

        async def main() -> None:
            stand.hang(HANG)
            reads = [asyncio.create_task(tier.get(key(number))) for number in range(40)]
            await asyncio.sleep(0.05)
            for one in reads[::2]:
                one.cancel()
            await asyncio.gather(*reads[::2], return_exceptions=True)
            stand.hang(0.0)
            assert [one.text for one in await asyncio.gather(*reads[1::2])] == [str(n) for n in range(1, 40, 2)]
            for _ in range(3):
                assert await read(tier, 40) == list(map(str, range(40)))
            await tier.aclose()

        asyncio.run(main())
