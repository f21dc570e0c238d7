"""Which addresses may be fetched for a stranger: decided from the text alone, and again for every IP address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.weburls import ANY_PUBLIC, Target, is_public, origin_problem, shown_url, target, without_query

LISTED = ("https://images.example.com", "http://127.0.0.1:8080", "https://[2001:db8::1]:8443")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://images.example.com/a/b.jpg?x=1#part", ("https", "images.example.com", 443, "/a/b.jpg?x=1")),
        ("https://IMAGES.example.com", ("https", "images.example.com", 443, "/")),
        ("https://images.example.com:443/a", ("https", "images.example.com", 443, "/a")),
        ("http://127.0.0.1:8080/a", ("http", "127.0.0.1", 8080, "/a")),
        ("https://[2001:db8::1]:8443/a", ("https", "2001:db8::1", 8443, "/a")),
    ],
)
def test_an_address_of_a_listed_origin_may_be_fetched_wherever_it_leads(
    url: str, expected: tuple[str, str, int, str]
) -> None:
    found = target(url, origins=LISTED)

    assert isinstance(found, Target)
    assert (found.scheme, found.host, found.port, found.path) == expected
    assert found.literal


@pytest.mark.parametrize(
    "url",
    [
        "http://images.example.com/a",
        "https://images.example.com:444/a",
        "https://images.example.com.evil.example/a",
        "https://evil.example/https://images.example.com/",
        "http://127.0.0.1/a",
        "http://127.0.0.1:80801/a",
        "https://user:secret@images.example.com/a",
        "https://images.example.com@evil.example/a",
        "https://images.example.com\\@evil.example/a",
        "https://images.example.com\n.evil.example/",
        "https:///a",
        "https://images.example.com:/a",
        "ftp://images.example.com/a",
        "file:///etc/passwd",
        "//images.example.com/a",
        "https://images.exämple.com/a",
        "https://[::zz]/a",
        "https://" + "a" * 2000,
    ],
)
@pytest.mark.parametrize("origins", [LISTED, ()])
def test_every_other_address_is_refused_in_words(url: str, origins: tuple[str, ...]) -> None:
    found = target(url, origins=origins)

    assert isinstance(found, str)
    assert "secret" not in found


def test_any_public_host_means_https_at_its_own_port_and_nothing_literal() -> None:
    found = target("https://2130706433/latest", origins=[ANY_PUBLIC])

    assert isinstance(found, Target)
    assert not found.literal
    assert isinstance(target("http://example.com/", origins=[ANY_PUBLIC]), str)
    assert isinstance(target("https://example.com:8443/", origins=[ANY_PUBLIC]), str)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"])
def test_an_address_of_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1"),
        *("ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "localhost", "2130706433", ""),
        *("192.0.0.9", "192.0.0.10", "192.0.0.192", "192.0.0.255", "100.100.100.200", "168.63.129.16", "192.88.99.1"),
        *("198.19.255.255", "::ffff:192.0.0.192", "64:ff9b::c000:c0", "2002:c000:c0::1", "2001:1::1", "2001:20::1"),
        *("3fff::1", "5f00::1", "4000::1", "100::1", "2001:4:112::1"),
    ],
)
def test_an_address_inside_beside_or_in_front_of_us_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("flag", ["is_global", "is_private", "is_reserved", "is_multicast", "is_unspecified"])
@pytest.mark.parametrize("says", [True, False])
def test_what_a_patch_of_python_thinks_of_an_address_decides_nothing(
    monkeypatch: pytest.MonkeyPatch, flag: str, *, says: bool
) -> None:
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        monkeypatch.setattr(kind, flag, property(lambda _: says))

    assert [is_public(each) for each in ("192.0.0.192", "::ffff:10.0.0.1", "fd00::1")] == [False] * 3
    assert [is_public(each) for each in ("8.8.8.8", "2a00:1450:4001:80b::200e", "64:ff9b::808:808")] == [True] * 3


@pytest.mark.parametrize(
    "block", ["192.0.0.0/24", "100.64.0.0/10", "198.18.0.0/15", "169.254.0.0/16", "240.0.0.0/4", "64:ff9b:1::/48"]
)
@given(data=st.data())
def test_no_address_of_a_block_that_is_not_public_is(block: str, data: st.DataObject) -> None:
    network = ipaddress.ip_network(block)
    number = data.draw(st.integers(int(network.network_address), int(network.broadcast_address)))
    address = ipaddress.IPv4Address(number) if network.version == 4 else ipaddress.IPv6Address(number)
    disguises = [str(address), f"::ffff:{address}", f"64:ff9b::{address}"] if network.version == 4 else [str(address)]

    assert [each for each in disguises if is_public(each)] == []


@given(st.text(max_size=60), st.sampled_from([(), LISTED, (ANY_PUBLIC,)]))
def test_no_text_breaks_the_judgement(text: str, origins: tuple[str, ...]) -> None:
    for url in (text, f"https://{text}", f"http://127.0.0.1:8080{text}"):
        found = target(url, origins=origins)
        assert isinstance(found, str) or found.literal or origins == (ANY_PUBLIC,)


@pytest.mark.parametrize("host", ["a..example", "a." + "b" * 64, ".example", "a.example..", "a." * 127])
def test_a_name_that_no_resolver_takes_is_refused(host: str) -> None:
    assert target(f"https://{host}/", origins=[ANY_PUBLIC]) == "its host is malformed"


@pytest.mark.parametrize("host", ["a", "a.example.", "x_y.a-b.example", "a." + "b" * 63, ("a." * 127)[:253]])
def test_a_name_that_a_resolver_takes_may_be_asked_for(host: str) -> None:
    assert isinstance(target(f"https://{host}/", origins=[ANY_PUBLIC]), Target)
    assert host.encode("idna")


@pytest.mark.parametrize("origin", ["https://*", "https://images.example.com", "http://127.0.0.1:8080"])
def test_an_origin_may_be_listed(origin: str) -> None:
    assert origin_problem(origin) is None


@pytest.mark.parametrize(
    "origin", ["*", "http://*", "https://*.example.com", "images.example.com", "https://a.example/", "https://a.b/c"]
)
def test_what_is_no_origin_is_refused_with_an_example(origin: str) -> None:
    assert "https://images.example.com" in (origin_problem(origin) or "")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/b.jpg?X-Goog-Signature=abc#x", "https://a.example/b.jpg?…"),
        ("https://user:secret@a.example/b.jpg", "https://…@a.example/b.jpg"),
        ("https://a.example/b@c.jpg", "https://a.example/b@c.jpg"),
        ("https://[2001:db8::1]:8443/b@c.jpg", "https://[2001:db8::1]:8443/b@c.jpg"),
        ("gs://bucket/a:b@c.jpg", "gs://bucket/a:b@c.jpg"),
        ("folder/a:b@c.jpg", "folder/a:b@c.jpg"),
        ("https://user:se/cr@et@a.example/b.jpg", "https://…@a.example/b.jpg"),
        ("https://user:80/secret@a.example/b.jpg", "https://…@a.example/b.jpg"),
        ("https://user:sec?ret@a.example/b.jpg?X-Goog-Signature=abc", "https://…?…"),
        ("https://user:s@ec#ret@a.example/b.jpg", "https://…"),
        ("https://secret@a.example/b.jpg?to=a@b", "https://…@a.example/b.jpg?…"),
        ("https:/user:sec/ret@a.example/b.jpg", "https:/…@a.example/b.jpg"),
        (" https:\\\\user:sec\nret@a.example/b.jpg", " https:\\\\…@a.example/b.jpg"),
        ("https://a.example/" + "b" * 3000, "https://a.example/" + "b" * 1982 + "…"),
    ],
)
def test_neither_a_signature_nor_a_password_is_shown(url: str, expected: str) -> None:
    assert shown_url(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/a@2x.jpg", "http://127.0.0.1:8080/a@2x.jpg"),
        ("https://h/a.jpg?signature=s#part", "https://h/a.jpg?…"),
        ("https://h/a.jpg#part", "https://h/a.jpg"),
    ],
)
def test_an_address_that_was_fetched_is_shown_in_full_but_for_its_query(url: str, expected: str) -> None:
    assert without_query(url) == expected
