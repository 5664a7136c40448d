"""Addresses that people enter: which are refused, and that nothing a server or a name says leads anywhere else."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from calendarsync.providers.addresses import is_public
from calendarsync.providers.guard import (
    MOST_BYTES,
    AddressRefused,
    NoAnswer,
    NotReached,
    Session,
    check_address,
)
from calendarsync.providers.login import Login
from tests.conftest import NetworkUse
from tests.contracts.doubles import ANY, Answer, Asked, Double

PUBLIC = "93.184.215.14"


class Site(Double):
    """Answers by path, and remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.seen: list[Asked] = []
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self.pages, self.seen = {}, []

    def respond(self, asked: Asked) -> Answer:
        self.seen.append(asked)
        return self.pages.get(asked.path, Answer(200, "here"))


@pytest.fixture(scope="module")
def sites(_no_proxies: None) -> Iterator[list[Site]]:
    both = [Site(), Site()]
    yield both
    for each in both:
        each.stop()


@pytest.fixture
def site(sites: list[Site], settings: Any) -> Site:
    sites[0].reset()
    settings.CALDAV_PRIVATE_HOSTS = [urlsplit(sites[0].base).netloc]
    return sites[0]


@pytest.fixture
def other(sites: list[Site]) -> Site:
    """Not allowed."""
    sites[1].reset()
    return sites[1]


def session(home: str, **given: Any) -> Session:
    return Session(home=home, login=Login("dana", "secret of dana"), **given)


def leading_to(*addresses: str, asked: list[str] | None = None) -> Callable[..., list[Any]]:
    """A name server's answer, whatever it is asked."""

    def look_up(host: str, port: int, *_given: Any) -> list[Any]:
        if asked is not None:
            asked.append(host)
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)[: 2 if family == socket.AF_INET else 4])
            for family, address in zip(families, addresses, strict=True)
        ]

    return look_up


@pytest.mark.parametrize(
    "url",
    [
        "https://calendar.example.org/dav/",
        "https://calendar.example.org:8443/dav/",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/dav/",
        "https://bücher.example/",
        "HTTPS://Calendar.Example.ORG/",
    ],
)
def test_public_addresses_by_tls_are_accepted(url: str):
    check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "calendar.example.org",
        "https://",
        "https:///dav/",
        "ftp://calendar.example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "https://calendar.example.org:99999/",
        "https://calendar.example.org:0/",
        "https://calendar.example.org:x/",
        "https://[::1/",
        "https://calendar.example.org\\@127.0.0.1/",
        "https://calendar.example.org/\r\nX: y",
        "https://calendar.example.org /",
        "https://dana:secret@calendar.example.org/",
        "https://calendar.example.org@127.0.0.1/",
        "https://@calendar.example.org/",
        "http://calendar.example.org/",
        "http://93.184.215.14/",
    ],
)
def test_addresses_of_no_server_or_with_something_hidden_in_them_are_refused(url: str):
    with pytest.raises(AddressRefused):
        check_address(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.2.7",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2001:db8::1]",
        "[2001::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[100::1]",
    ],
)
def test_addresses_that_not_everybody_can_reach_are_refused(host: str):
    with pytest.raises(AddressRefused):
        check_address(f"https://{host}/dav/")


def test_public_addresses_of_both_families_are_told_from_others():
    public = [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "223.255.255.254"]
    private = ["::ffff:1.1.1.1", "192.88.99.1", "2002:101:101::", "fe80::1%eth0", "100.127.255.255"]
    assert [is_public(address) for address in public] == [True] * len(public)
    assert [is_public(address) for address in private] == [False] * len(private)


@pytest.mark.parametrize(
    ("entry", "url", "is_allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:5232/", True),
        ("127.0.0.1", "https://127.0.0.1/", True),
        ("127.0.0.1:5232", "http://127.0.0.1:5232/", True),
        ("127.0.0.1:5232", "http://127.0.0.1:5233/", False),
        ("127.0.0.1:80", "http://127.0.0.1/", True),
        ("127.0.0.1", "http://127.0.0.2/", False),
        ("127.0.0.1", "http://2130706433/", False),
        (" Calendars.Internal ", "http://calendars.internal:8080/", True),
        ("calendars.internal", "http://calendars.internal./", True),
        ("calendars.internal", "http://evil.calendars.internal/", False),
        ("calendars.internal", "http://calendars.internal.example.org/", False),
        ("calendars.internal", "http://dana:secret@calendars.internal/", False),
        ("[::1]:5232", "http://[::1]:5232/", True),
        ("::1", "http://[::1]:5232/", True),
        ("", "http://calendars.internal/", False),
    ],
)
def test_servers_of_the_organization_are_allowed_by_host_or_by_host_and_port(
    settings: Any, entry: str, url: str, is_allowed: bool
):
    settings.CALDAV_PRIVATE_HOSTS = [entry]
    if is_allowed:
        check_address(url)
    else:
        with pytest.raises(AddressRefused):
            check_address(url)


def test_an_allowed_server_is_talked_to(site: Site):
    answer = session(site.base).request("PROPFIND", f"{site.base}/dav/", data="<x/>", headers={"Depth": "0"})
    assert (answer.status_code, answer.text, answer.url) == (200, "here", f"{site.base}/dav/")
    (asked,) = site.seen
    assert (asked.method, asked.body, asked.headers["Depth"]) == ("PROPFIND", b"<x/>", "0")
    assert asked.headers["Authorization"] == "Basic ZGFuYTpzZWNyZXQgb2YgZGFuYQ=="


def test_a_connection_is_kept(site: Site):
    one = session(site.base)
    for _ in range(3):
        one.request("GET", site.base)
    assert (len(site.seen), site.connections) == (3, 1)


def test_a_server_that_is_not_allowed_is_not_even_connected_to(other: Site, settings: Any):
    settings.CALDAV_PRIVATE_HOSTS = []
    secure = other.base.replace("http:", "https:")
    for url in (other.base, secure, secure.replace("127.0.0.1", "localhost")):
        with pytest.raises(AddressRefused):
            session(url).request("GET", url)
    assert other.connections == 0


@pytest.mark.parametrize(
    "leads_to", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::5"]
)
def test_a_name_that_leads_to_a_private_address_is_refused(other: Site, leads_to: str):
    """Its text alone was fine: what counts is what the name is when we connect."""
    url = f"https://calendar.example.org:{urlsplit(other.base).port}/"
    check_address(url)
    with pytest.raises(AddressRefused):
        session(url, lookup=leading_to(leads_to)).request("GET", url)
    assert other.connections == 0


def test_only_public_addresses_of_a_name_are_tried(other: Site):
    url = f"https://calendar.example.org:{urlsplit(other.base).port}/"
    with pytest.raises(NetworkUse, match=PUBLIC):
        session(url, lookup=leading_to("127.0.0.1", "::1", PUBLIC)).request("GET", url)
    assert other.connections == 0


def test_a_name_is_looked_up_once_for_a_connection(site: Site, settings: Any):
    """So what was looked at is what is connected to: a name server has no second say."""
    host = f"calendars.internal:{urlsplit(site.base).port}"
    settings.CALDAV_PRIVATE_HOSTS = [host]
    asked: list[str] = []
    one = session(f"http://{host}/", lookup=leading_to("127.0.0.1", asked=asked))
    one.request("GET", f"http://{host}/")
    one.request("GET", f"http://{host}/")
    assert asked == ["calendars.internal"]
    assert [each.headers["Host"] for each in site.seen] == [host, host]


def test_every_new_connection_is_looked_at_anew(site: Site):
    """The name was public when it was entered, and is not when it is used again."""
    port = urlsplit(site.base).port
    url = f"https://calendar.example.org:{port}/"
    answers = iter([leading_to(PUBLIC), leading_to("127.0.0.1")])
    one = session(url, lookup=lambda *given: next(answers)(*given))
    with pytest.raises(NetworkUse):
        one.request("GET", url)
    with pytest.raises(AddressRefused):
        one.request("GET", url)
    assert site.connections == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_server_is_followed_as_it_was_asked(site: Site, status: int):
    site.pages["/dav"] = Answer(status, "", {"Location": "/dav/"})
    answer = session(site.base).request("PROPFIND", f"{site.base}/dav", data="<x/>", headers={"Depth": "1"})
    assert answer.url == f"{site.base}/dav/"
    assert [(each.method, each.path, each.body, each.headers["Depth"]) for each in site.seen] == [
        ("PROPFIND", "/dav", b"<x/>", "1"),
        ("PROPFIND", "/dav/", b"<x/>", "1"),
    ]


def test_a_redirect_to_another_server_is_named_and_not_followed(site: Site, other: Site, settings: Any):
    """Not even to an allowed one: the password is not for it."""
    settings.CALDAV_PRIVATE_HOSTS += [urlsplit(other.base).netloc]
    site.pages["/"] = Answer(301, "", {"Location": f"{other.base}/dav/"})
    with pytest.raises(AddressRefused, match=f"{other.base}/dav/"):
        session(site.base).request("GET", f"{site.base}/")
    assert other.connections == 0


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "//localhost/",
        "file:///etc/passwd",
        "https://10.0.0.1/",
        "http://dana@127.0.0.1/",
        "http://[::1",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(site: Site, target: str):
    site.pages["/"] = Answer(302, "", {"Location": "/further"})
    site.pages["/further"] = Answer(302, "", {"Location": target})
    with pytest.raises(AddressRefused) as refused:
        session(site.base).request("GET", f"{site.base}/")
    assert ("Enter that address" in str(refused.value)) == (target == "https://localhost/")
    assert len(site.seen) == 2


def test_redirects_end(site: Site):
    site.pages["/"] = Answer(302, "", {"Location": "/"})
    with pytest.raises(NoAnswer):
        session(site.base).request("GET", f"{site.base}/")
    assert len(site.seen) == 5


def test_the_password_is_for_one_server(site: Site, other: Site, settings: Any):
    settings.CALDAV_PRIVATE_HOSTS += [urlsplit(other.base).netloc]
    one = session(site.base)
    one.request("GET", other.base)
    assert "Authorization" not in other.seen[0].headers
    one.trust(other.base)
    one.request("GET", other.base)
    assert other.seen[1].headers["Authorization"].startswith("Basic ")


def test_no_other_server_is_trusted_with_a_private_address(site: Site, other: Site):
    with pytest.raises(AddressRefused):
        session(site.base).trust(other.base)


def test_the_environment_has_no_say(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Neither somebody's .netrc nor a proxy, which would look names up for us."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login root password of-root\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    Session(home=site.base).request("GET", site.base)
    assert "Authorization" not in site.seen[0].headers


def test_cookies_are_not_kept(site: Site):
    site.pages["/"] = Answer(200, "", {"Set-Cookie": "session=1; Path=/"})
    one = session(site.base)
    one.request("GET", f"{site.base}/")
    one.request("GET", f"{site.base}/")
    assert ["Cookie" in asked.headers for asked in site.seen] == [False, False]


@pytest.mark.parametrize("status", [200, 302, 401])
def test_an_enormous_answer_is_not_read_to_its_end(site: Site, status: int):
    site.pages["/"] = Answer(status, "x" * (MOST_BYTES + 1), {"Location": "/further"})
    with pytest.raises(NoAnswer, match="too large"):
        session(site.base).request("GET", f"{site.base}/")


def test_a_compressed_answer_is_refused(site: Site):
    """A few bytes of it may be gigabytes."""
    site.pages["/"] = Answer(200, "x", {"Content-Encoding": "gzip"})
    with pytest.raises(NoAnswer):
        session(site.base).request("GET", f"{site.base}/")
    assert site.seen[0].headers["Accept-Encoding"] == "identity"


def test_a_broken_connection_may_have_arrived(site: Site):
    site.trouble(method=ANY, drop=True, times=1)
    one = session(site.base)
    with pytest.raises(NoAnswer):
        one.request("GET", site.base)
    assert one.request("GET", site.base).text == "here"


def test_a_refused_connection_never_arrived(settings: Any):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings.CALDAV_PRIVATE_HOSTS = [address]
        with pytest.raises(NotReached):
            session(f"http://{address}/").request("GET", f"http://{address}/")


def test_a_name_that_is_not_known_never_arrived(settings: Any):
    def unknown(*_given: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    url = "https://calendar.example.org/"
    with pytest.raises(NotReached, match="no server of that name"):
        session(url, lookup=unknown).request("GET", url)


@pytest.fixture
def drip(settings: Any) -> Iterator[Callable[[bytes], str]]:
    """A server that sends a beginning, and then a letter now and again without an end."""
    ended = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    settings.CALDAV_PRIVATE_HOSTS = [address]
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1

    def serve(beginning: bytes) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(beginning)
            while not ended.wait(0.03):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    def start(beginning: bytes) -> str:
        threading.Thread(target=serve, args=[beginning], daemon=True).start()
        return f"http://{address}/"

    yield start
    ended.set()
    listening.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n",
    ],
    ids=["status", "headers", "body of a length", "body until the end", "chunk"],
)
def test_an_answer_that_drips_in_is_cut_off(drip: Callable[[bytes], str], beginning: bytes):
    url = drip(beginning)
    began_at = time.monotonic()
    with pytest.raises(NoAnswer):
        session(url).request("GET", url)
    assert time.monotonic() - began_at < 5


def test_a_server_that_never_finishes_shaking_hands_is_left(drip: Callable[[bytes], str]):
    url = drip(b"").replace("http:", "https:")
    with pytest.raises(NotReached):
        session(url).request("GET", url)


def test_an_answer_that_is_cut_short_is_none(drip: Callable[[bytes], str], settings: Any):
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    settings.CALDAV_PRIVATE_HOSTS = [address]

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 500\r\n\r\n<multistatus/>")

    threading.Thread(target=serve, daemon=True).start()
    with pytest.raises(NoAnswer):
        session(f"http://{address}/").request("REPORT", f"http://{address}/")
    listening.close()
