"""A URL as people may see it: no password, however odd, and no host lost without need."""

from __future__ import annotations

import pytest

from beastmode_otel.errors import public_url

SHOWN = {
    "redis://:hunter2@h:6379/0": "redis://[redacted]@h:6379/0",
    "redis://u:hunter2/a@b#c@h/0": "redis://[redacted]@h/0",
    "postgresql://u:hunter2@h/db?sslpassword=hunter2&sslmode=require": (
        "postgresql://[redacted]@h/db?sslpassword=[redacted]&sslmode=require"
    ),
    "host=h password=hunter2 user=u": "host=h password=[redacted] user=u",
    "https://h/v1?api-key=hunter2#x": "https://h/v1?api-key=[redacted]",
    "https://api.h/v1@2": "https://api.h/v1@2",
    "http://[::1]:80/a@b": "http://[::1]:80/a@b",
    "redis://h:6379": "redis://h:6379",
    "redis://h/0?password=hunter2@hunter2&nonsense=1": "redis://[redacted]&nonsense=1",
    "redis://u:1234?key=hunter2@h/0": "redis://[redacted]",
    "redis://u:hunter2?a&key=hunter2@h:1/0?token=hunter2": "redis://[redacted]",
    "sqlite:////a@b/c.db": "sqlite:////a@b/c.db",
}


@pytest.mark.parametrize("url", SHOWN)
def test_shown(url: str) -> None:
    assert public_url(url) == SHOWN[url]
    assert "hunter2" not in public_url(url)
