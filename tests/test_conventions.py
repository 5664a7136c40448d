"""Rules that hold over the whole repository, read from its files and its address table."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(settings.BASE_DIR)
APPS = sorted(
    Path(app.path).relative_to(ROOT).parts[0]
    for app in apps.get_app_configs()
    if Path(app.path).parent == ROOT
)


def files(suffix: str, *folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PRODUCT = [path for path in files(".py", *APPS) if "migrations" not in path.parts]
TESTS = files(".py", "tests")
BENCH = files(".py", "bench")
PYTHON = [*PRODUCT, *TESTS, *BENCH, ROOT / "manage.py"]
TEMPLATES = files(".html", "templates", *APPS)
SCRIPTS = files(".js", "static")
TREES = {path: ast.parse(path.read_text(), str(path)) for path in PYTHON}


def nodes(paths: list[Path], *kinds: type) -> Iterator[tuple[Path, ast.AST]]:
    for path in paths:
        for node in ast.walk(TREES[path]):
            if isinstance(node, kinds):
                yield path, node


def strings(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    for path, node in nodes(paths, ast.Constant):
        if isinstance(node.value, str):
            yield path, node.value


def test_the_walk_sees_the_repository():
    """Every rule below would hold over nothing."""
    assert {"appointments", "scheduling", "securecare", "portal"} <= set(APPS)
    assert min(len(PRODUCT), len(TESTS), len(TEMPLATES)) > 20
    assert len(SCRIPTS) > 3


# ------------------------------------------------------------------------------------------------ addresses

# Whoever is not signed in reaches these and no other. A new one is a decision, to be made here as well as in its view.
# A second factor may have to be set up before one is signed in.
PUBLIC = {
    "/account/activity/",
    "/account/second-factor/",
    "/admin/login/",
    "/healthz",
    "/readyz",
    "/sign-in/",
    "/sign-in/code/",
    "/sign-out/",
    # Posts of providers, who sign them.
    "/webhooks/sendgrid/events/",
    "/webhooks/twilio/inbound/",
    "/webhooks/twilio/status/",
    # Calendars cannot sign in: the address is the secret.
    "/calendar/x.ics",
}
EXAMPLES = {
    "int": "1",
    "uuid": "0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10",
    "str": "x",
    "path": "x",
    "slug": "x",
}
# The portal decides for itself: open to everyone, or to whoever holds the token in the address.
PORTAL = {
    "/portal/",
    "/portal/language/",
    "/portal/facilities/1/",
    "/portal/book/",
    "/portal/book/1/",
    "/portal/book/1/details/",
    "/portal/book/1/confirm/",
    "/portal/embed/facilities/1/",
    "/portal/embed/book/1/",
    "/portal/a/x/",
    "/portal/a/x/booked/",
    "/portal/a/x/move/",
    "/portal/a/x/cancel/",
    "/portal/a/x/appointment.ics",
    "/portal/sign-in/",
    "/portal/sign-in/code/",
    "/portal/sign-in/link/x/",
    "/portal/sign-in/who/",
    "/portal/sign-out/",
    "/portal/unsubscribe/x/",
    "/c/x/",
    *(
        f"/s/x/{rest}"
        for rest in (
            "",
            *(
                f"{EXAMPLES['uuid']}/{act}"
                for act in ("", "save/", "decline/", "document.pdf", "copy.pdf", "pages/1.png")
            ),
        )
    ),
}
# A customer's own pages: strangers and staff are sent to the portal's sign-in.
OWN = "/portal/account/"


def addresses(patterns=None, before="/") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the site, with examples in place of its parameters."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        here = before + _example(pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, here)
        else:
            yield here, pattern


def _example(pattern: URLPattern | URLResolver) -> str:
    route = str(pattern.pattern)
    route = re.sub(r"<(?:(\w+):)?\w+>", lambda found: EXAMPLES.get(found[1] or "str", "x"), route)
    regex_parameter = r"\(\?P<\w+>([^)]*)\)"
    return re.sub(regex_parameter, lambda found: found[1].split("|")[0].replace(".*", "x"), route).strip(
        "^$\\Z"
    )


def test_every_address_asks_for_sign_in_but_the_public_ones():
    marked = {
        address for address, pattern in addresses() if not getattr(pattern.callback, "login_required", True)
    }
    assert {address for address in marked if not address.startswith(OWN)} == PUBLIC | PORTAL


@pytest.mark.django_db
def test_strangers_are_sent_to_sign_in_from_everywhere_else():
    """Asked of the running site, for every address: the decision is not only written down."""
    let_in = []
    for address, _ in addresses():
        answer = Client(raise_request_exception=True).get(address)
        goes_to = urlsplit(answer.headers.get("Location", "")).path
        door = "/portal/sign-in/" if address.startswith(OWN) else "/sign-in/"
        if address not in PUBLIC | PORTAL and (answer.status_code, goes_to) != (302, door):
            let_in.append((address, answer.status_code, goes_to))
    assert let_in == []


def test_every_named_address_is_led_to():
    """From a template, a redirect or a setting: no page that nobody can find."""
    named = {
        pattern.name for address, pattern in addresses() if pattern.name and not address.startswith("/admin/")
    }
    typed_or_asked_by_machines = {"home", "healthz", "readyz", "sendgrid-events", "twilio-inbound"}
    used = {text for path, text in strings(PRODUCT) if path.name != "urls.py"}
    used |= {
        found
        for path in TEMPLATES
        for found in re.findall(r"""{%\s*url\s+["']([\w-]+)["']""", path.read_text())
    }
    assert named - used - typed_or_asked_by_machines == set()


# ------------------------------------------------------------------------------------------------ templates

# Django looks these up by their names.
FOUND_BY_NAME = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html", "admin/base_site.html"}


def template_name(path: Path) -> str:
    return path.as_posix().rpartition("templates/")[2]


def named_templates() -> set[str]:
    in_code = {text for _, text in strings(PRODUCT) if re.fullmatch(r"[\w/-]+\.html", text)}
    by_tag = r"""{%\s*(?:extends|include)\s+["']([^"']+)["']"""
    return in_code | {found for path in TEMPLATES for found in re.findall(by_tag, path.read_text())}


def test_every_template_is_used():
    assert {template_name(path) for path in TEMPLATES} - named_templates() - FOUND_BY_NAME == set()


def test_every_template_that_is_named_exists():
    ours = {template_name(path) for path in TEMPLATES}
    of_libraries = {
        found for found in named_templates() if found.startswith(("admin/", "django/", "registration/"))
    }
    assert named_templates() - ours - of_libraries == set()


class Inline(HTMLParser):
    """Collects what the content security policy would stop: scripts, styles and handlers inside the page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(re.sub(r"{[%#].*?[%#]}", " ", source, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        is_data = values.get("type") in ("application/json", "text/template")
        if (tag == "script" and "src" not in values and not is_data) or tag == "style":
            self.found.append(f"<{tag}>")
        self.found += [key for key in values if re.match(r"on[a-z]|hx-on", key)]
        self.found += [
            key for key, value in attrs if (value or "").strip().startswith(("javascript:", "js:"))
        ]


def test_templates_hold_no_inline_script_style_or_handler():
    """But e-mails and papers: they have no other place for how they look, and no policy of ours reaches them."""
    found = [(template_name(path), what) for path in TEMPLATES for what in Inline(path.read_text()).found]
    assert found == [
        ("reminders/email.html", "<style>"),
        ("signatures/pdf/_style.html", "<style>"),
        ("signatures/pdf/overlay.html", "<style>"),
    ]


def test_the_search_for_inline_code_finds_it():
    page = """<style>a{}</style><script>1</script><b onclick="x()" hx-on:click="y" hx-vals='js:{a: 1}'>{% if a < b %}</b>
    <script src="a.js"></script><script type="application/json">{}</script><a href="javascript:z()">"""
    assert Inline(page).found == ["<style>", "<script>", "onclick", "hx-on:click", "hx-vals", "href"]


def test_a_part_holds_the_element_whose_id_asks_for_it():
    """Views name parts by id: `{"day-grid": "scheduling/_day_grid.html"}`."""
    missing = []
    for path, node in nodes(PRODUCT, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                part = with_what_it_includes(str(value.value))
                if part and f'id="{key.value}"' not in part:
                    missing.append((name(path), key.value, value.value))
    assert missing == []


def with_what_it_includes(template: str) -> str:
    path = next((path for path in TEMPLATES if template_name(path) == template), None)
    if path is None:
        return ""
    source = path.read_text()
    included = re.findall(r"""{%\s*include\s+["']([^"']+)["']""", source)
    return source + "".join(map(with_what_it_includes, included))


def test_every_script_is_loaded_by_a_page_or_another_script():
    sources = [path.read_text() for path in [*TEMPLATES, *SCRIPTS]] + [text for _, text in strings(PRODUCT)]
    assert [name(path) for path in SCRIPTS if not any(path.name in source for source in sources)] == []


# ---------------------------------------------------------------------------------------------- environment


def listed_names() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def read_names() -> set[str]:
    """Names of the environment that Python asks for."""
    found = set()
    for _, node in nodes(PYTHON, ast.Call, ast.Subscript):
        if isinstance(node, ast.Call):
            asked, key = ast.unparse(node.func), node.args[0] if node.args else None
        else:
            asked, key = f"{ast.unparse(node.value)}[]", node.slice
        asks = re.fullmatch(
            r"env(\.\w+)?|(os\.)?environ(\[\]|\.get|\.setdefault|\.pop)|(os\.)?getenv|environment\.get", asked
        )
        if asks and isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    return found


def test_every_environment_name_that_is_read_is_listed_with_its_line():
    assert read_names() - listed_names() == set()


def test_every_environment_name_that_is_listed_is_read():
    others = [ROOT / "Makefile", ROOT / "docker-compose.yml", ROOT / "Dockerfile", ROOT / ".ci/run"]
    text = "\n".join(path.read_text() for path in others if path.exists())
    assert {found for found in listed_names() - read_names() if not re.search(rf"\b{found}\b", text)} == set()


# ----------------------------------------------------------------------------------------------------- time


def may_ask_for_now(path: Path) -> bool:
    """Views, tasks, commands and what else stands at the edge; the rest is handed its `now`."""
    edges = {"views", "webhooks", "commands", "admin", "middleware.py", "tasks.py", "views.py", "admin.py"}
    return bool(edges & set(path.parts)) or name(path) in EDGES


# Middleware and views in modules of their own names.
EDGES = {"securecare/idle.py"}


def test_now_is_asked_for_at_the_edge_only():
    asked = {
        name(path) for path, node in nodes(PRODUCT, ast.Attribute) if ast.unparse(node) == "timezone.now"
    }
    assert {path for path in asked if not may_ask_for_now(ROOT / path)} == set()


def test_nobody_asks_the_system_for_the_date_or_a_time_without_a_zone():
    asked = {
        (name(path), ast.unparse(node))
        for path, node in nodes(PYTHON, ast.Call)
        if re.search(r"\bdate\.today$|\bdatetime\.(today|utcnow|utcfromtimestamp)$", ast.unparse(node.func))
        or (re.search(r"\bdatetime\.(now|fromtimestamp)$", ast.unparse(node.func)) and _has_no_zone(node))
    }
    assert asked == set()


def _has_no_zone(call: ast.Call) -> bool:
    wanted = 1 if ast.unparse(call.func).endswith("now") else 2
    return len(call.args) < wanted and not any(keyword.arg in ("tz", "tzinfo") for keyword in call.keywords)


# ----------------------------------------------------------------------------------------------------- code


def test_no_module_is_longer_than_about_four_hundred_lines():
    assert longer_than(440, [*PRODUCT, *SCRIPTS]) == {}
    assert longer_than(600, TESTS) == {}


def longer_than(limit: int, paths: list[Path]) -> dict[str, int]:
    lengths = {name(path): len(path.read_text().splitlines()) for path in paths}
    return {path: length for path, length in lengths.items() if length > limit}


def test_functions_are_short():
    """Half of them under 10 lines, nine in ten under 30, comments and docstrings not counted as code."""
    lengths = sorted(
        node.end_lineno
        - (node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]).lineno
        + 1
        for _, node in nodes(PRODUCT, ast.FunctionDef, ast.AsyncFunctionDef)
    )
    assert median(lengths) < 10
    assert lengths[len(lengths) * 9 // 10] < 30


def test_imports_are_absolute():
    assert [name(path) for path, node in nodes(PYTHON, ast.ImportFrom) if node.level] == []


def imports(paths: list[Path]) -> set[tuple[str, str]]:
    found = set()
    for path, node in nodes(paths, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.ImportFrom):
            found |= {(name(path), f"{node.module}.{alias.name}") for alias in node.names}
        else:
            found |= {(name(path), alias.name) for alias in node.names}
    return found


def test_no_business_rule_hangs_on_a_model_signal():
    assert {found for found in imports(PRODUCT) if found[1].startswith("django.db.models.signals")} == set()


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = {"utils", "helpers", "services", "core", "common", "misc"}
    assert [name(path) for path in PYTHON if drawers & {path.stem, *path.relative_to(ROOT).parts[:-1]}] == []


def test_nothing_is_left_to_do():
    mark = re.compile(rf"\b({'TO' + 'DO'}|{'FIX' + 'ME'}|{'X' * 3})\b")
    assert [name(path) for path in [*PYTHON, *TEMPLATES, *SCRIPTS] if mark.search(path.read_text())] == []


def test_no_text_says_successfully():
    """Text for people says what happened or what to do next."""
    word = re.compile("successfully", re.IGNORECASE)
    wordy = [name(path) for path in [*TEMPLATES, *SCRIPTS] if word.search(path.read_text())]
    assert wordy + [name(path) for path, text in strings(PRODUCT) if word.search(text)] == []


# ---------------------------------------------------------------------------------------------------- tests


def test_no_test_patches_code():
    """Pass a value, or answer at the edge over real HTTP. The environment and settings may be set."""
    mocks = {found for found in imports(TESTS) if re.search(r"\bmock\b|pytest_mock", found[1])}
    allowed = {"setenv", "delenv", "chdir", "syspath_prepend"}
    patched = {
        (name(path), ast.unparse(node))
        for path, node in nodes(TESTS, ast.Attribute)
        if ast.unparse(node.value) in ("monkeypatch", "mocker") and node.attr not in allowed
    }
    assert mocks | patched == set()


def test_tests_lie_where_their_modules_lie():
    """`tests/<app>/test_<thing>.py`: a test module is in the folder of an app, or of what spans them."""
    spanning = {"browser", "bench", "contracts"}
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in TESTS if path.parent != ROOT / "tests"}
    assert folders - set(APPS) - spanning == set()
    assert [name(path) for path in (ROOT / "tests").glob("test_*.py")] == ["tests/test_conventions.py"]
