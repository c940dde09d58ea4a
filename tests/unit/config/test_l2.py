"""`[cache.l2]` and BEASTMODE_L2_URL: what may be written, what it means, and that no password is shown."""

from __future__ import annotations

from typing import Any

import pytest

from beastmode_otel.config import load
from beastmode_otel.config.redis_url import RedisUrl, read_redis_url
from beastmode_otel.errors import ConfigError
from support.planted import everything_of

PASSWORD = "c0rrect-h0rse"


def l2(environ: dict[str, str] | None = None, **values: Any) -> Any:
    return load({"cache": {"l2": values}}, environ=environ or {}).cache.l2


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert load({}, environ={}).cache.l2.url is None
    assert l2(url="off").url is None
    assert l2({"BEASTMODE_L2_URL": "redis://cache"}).url == read_redis_url("redis://cache:6379/0")


def test_what_is_passed_in_wins_over_the_environment() -> None:
    found = l2({"BEASTMODE_L2_URL": "redis://elsewhere"}, url="redis://here")
    assert found.url.hosts == (("here", 6379),)


def test_its_numbers() -> None:
    found = l2()
    assert (found.ttl, found.soft, found.hard, found.prefix) == (7200.0, 0.05, 0.25, "beastmode")
    found = l2(url="redis://h", ttl=60, soft=0.1, hard=0.5, prefix="shop:prod")
    assert (found.ttl, found.soft, found.hard, found.prefix) == (60.0, 0.1, 0.5, "shop:prod")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", {"kind": "single", "hosts": (("localhost", 6379),)}),
        ("redis://h:7000/3", {"kind": "single", "hosts": (("h", 7000),), "db": 3}),
        ("redis://h/?db=4", {"kind": "single", "hosts": (("h", 6379),), "db": 4}),
        ("redis://[::1]:7000", {"kind": "single", "hosts": (("::1", 7000),)}),
        ("redis://:p%40ss%2F@h", {"kind": "single", "hosts": (("h", 6379),), "login": (None, "p@ss/")}),
        ("redis://u:a:b@h", {"kind": "single", "hosts": (("h", 6379),), "login": ("u", "a:b")}),
        (
            "rediss://u:p@h:6380/1?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false",
            {
                "kind": "single", "hosts": (("h", 6380),), "db": 1, "login": ("u", "p"),
                "tls": (("ssl_ca_certs", "/etc/ca.pem"), ("ssl_check_hostname", False)),
            },
        ),
        ("unix:///run/redis.sock?db=2", {"kind": "unix", "path": "/run/redis.sock", "db": 2}),
        ("unix://u:p@/run/redis.sock", {"kind": "unix", "path": "/run/redis.sock", "login": ("u", "p")}),
        ("redis+cluster://a:1,b:2,[::1]", {"kind": "cluster", "hosts": (("a", 1), ("b", 2), ("::1", 6379))}),
        ("rediss+cluster://a", {"kind": "cluster", "hosts": (("a", 6379),), "tls": ()}),
        (
            "redis+sentinel://u:p@a,b:1/shop/5?sentinel_password=s",
            {
                "kind": "sentinel", "hosts": (("a", 26379), ("b", 1)), "service": "shop", "db": 5,
                "login": ("u", "p"), "sentinel_login": (None, "s"),
            },
        ),
        ("redis+sentinel://a/shop", {"kind": "sentinel", "hosts": (("a", 26379),), "service": "shop"}),
    ],
)  # fmt: skip
def test_the_urls_that_may_be_written(url: str, expected: dict[str, Any]) -> None:
    assert read_redis_url(url) == RedisUrl(**expected)
    assert l2(url=url).url == RedisUrl(**expected)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("localhost:6379", "write redis://host:6379/0"),
        ("http://localhost", "write redis://host:6379/0"),
        ("redis://", "write redis://host:6379/0"),
        ("redis://h:0", "no possible port"),
        ("redis://h:99999", "no possible port"),
        ("redis://h:port", "no possible port"),
        ("redis://a,b", "redis+cluster:// or redis+sentinel://"),
        ("redis://h/zero", "the database is a number"),
        ("redis://h/²", "the database is a number"),
        ("redis+cluster://h/1", "a cluster has one only"),
        ("redis+sentinel://h", "redis+sentinel://h1:26379,h2:26379/mymaster"),
        ("unix://run/redis.sock", "three slashes"),
        ("redis://h?socket_timeout=5", "cache.l2.soft and cache.l2.hard"),
        ("redis://h?retry_on_timeout=1", "cache.l2.soft and cache.l2.hard"),
        ("redis://h?protocol=3", "means nothing here"),
        ("redis://h?ssl_ca_certs=x", "write rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "required, optional or none"),
        (f"redis://u:{PASSWORD}#x@h", "percent-encode the password"),
        (f"redis://u:{PASSWORD}/x@h", "percent-encode the password"),
        (f"redis://u:{PASSWORD}@h:port", "no possible port"),
        (f"http://u:{PASSWORD}@h", "write redis://host:6379/0"),
        (f"redis://h?password={PASSWORD}&what=1", "means nothing here"),
    ],
)
def test_a_bad_url_says_what_to_write_and_shows_no_password(url: str, hint: str) -> None:
    for call in (lambda: l2(url=url), lambda: l2({"BEASTMODE_L2_URL": url})):
        with pytest.raises(ConfigError) as refused:
            call()
        assert "cache.l2.url" in str(refused.value)
        assert hint in str(refused.value)
        assert PASSWORD not in str(refused.value) + repr(refused.value)


@pytest.mark.parametrize("password", ["a?{}&b", "a?{}=1&b", "a?b&{}&c", "a?{}timeout&b", "a@b?{}&c"])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster", "redis+sentinel", "unix"])
def test_what_a_password_makes_of_itself_is_not_told_as_an_option(scheme: str, password: str) -> None:
    """A ? of it that is not encoded makes options of the rest, and a & ends the name of each."""
    with pytest.raises(ConfigError, match=r"has a \? or a & in a password") as refused:
        l2(url=f"{scheme}://u:{password.format(PASSWORD)}@h/0")
    assert PASSWORD not in everything_of(refused.value)


def test_an_at_sign_in_the_value_of_an_option_is_a_part_of_it() -> None:
    assert read_redis_url("redis://h?password=a@b").login == (None, "a@b")


def test_no_password_in_what_people_see() -> None:
    config = load(
        {"cache": {"l2": {"url": f"redis+sentinel://u:{PASSWORD}@a/s?sentinel_password=x{PASSWORD}"}}}, environ={}
    )
    assert PASSWORD not in repr(config)
    assert config.cache.l2.url is not None
    assert config.cache.l2.url.shown == "redis+sentinel://a:26379/s/0"
    redact = config.redactor()
    assert PASSWORD not in redact(f"AUTH u {PASSWORD} failed, x{PASSWORD} too")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ttl": 0}, "cache.l2.ttl"),
        ({"soft": 0}, "cache.l2.soft"),
        ({"soft": 0.5, "hard": 0.1}, "less than soft"),
        ({"prefix": "a{b}"}, "cache.l2.prefix"),
        ({"prefix": "a b"}, "cache.l2.prefix"),
        ({"urll": "x"}, "did you mean url?"),
        ({"url": {"env": "UNSET"}}, "UNSET is not set"),
    ],
)
def test_odd_settings_say_where(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        l2(**values)
    assert said in str(refused.value)
