"""The markup of documents: what it reads, what it lets through, and what it says of mistakes."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures import facts, markup
from signatures.fields import Field

FACTS = {"customer_name": "Ada Nguyen", "program": "Tutoring"}
TAGS = {"h2", "h3", "h4", "p", "strong", "em", "ul", "ol", "li", "hr", "br"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}


def shown(body, facts=FACTS):
    return markup.render(body, facts=facts, draw=lambda field: f"[{field.name}]")


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found, self.attributes = set(), set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


# What it reads


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("# Rules\n## Fees", "<h2>Rules</h2>\n<h3>Fees</h3>\n"),
        ("###### Deep", "<h2>Deep</h2>\n"),
        ("# A\n#### B", "<h2>A</h2>\n<h4>B</h4>\n"),
        ("**bold** and *italic*", "<p><strong>bold</strong> and <em>italic</em></p>\n"),
        ("one\ntwo\n\nthree", "<p>one<br>\ntwo</p>\n<p>three</p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("---", "<hr>\n"),
        ("\\*as it is\\*", "<p>*as it is*</p>\n"),
        ("{{customer_name}}", "<p>{customer_name}</p>\n"),
        ("I, {customer_name}, of {program}", "<p>I, Ada Nguyen, of Tutoring</p>\n"),
        ("Seen on {appointment_date}.", "<p>Seen on .</p>\n"),
    ],
)
def test_a_little_markdown_is_read(body, html):
    assert shown(body) == html


def test_a_table_holds_facts_and_fields():
    page = shown("| Who | When |\n|---|---|\n| {customer_name} | [[date: Day]] |")
    assert "<td>Ada Nguyen</td>\n<td>[f1]</td>" in page


def test_fields_are_numbered_in_order_with_their_kinds_and_roles():
    body = "[[text: Name]] [[ TICK* :  I agree ]]\n\n- [[second initials*: Yours]]\n\n[[staff date: Day]] [[long: More]]"
    assert markup.fields(body) == [
        Field("f1", "text", "Name", False),
        Field("f2", "tick", "I agree", True),
        Field("f3", "initials", "Yours", True, "second"),
        Field("f4", "date", "Day", False, "staff"),
        Field("f5", "long", "More", False),
    ]


# What it lets through


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](https://evil.example)",
        "![a](https://evil.example/a.png)",
        "<https://evil.example>",
        "https://evil.example",
        "[a]: https://evil.example\n\n[a]",
        "<style>@import 'https://evil.example'</style>",
        "[[text: <b onclick=x>Name</b>]]",
        "`code` ~~gone~~ > quote",
        "&lt;b&gt; &#60;b&#62;",
    ],
)
def test_html_links_and_images_stand_there_as_they_are_written(body):
    tags = Tags(shown(body))
    assert (tags.found - {"p", "br"}, tags.attributes) == (set(), set())


@given(st.text(alphabet="ab<>&\"'`#*_-|:[]{}()!\\/ \n\t1.=~^customer_nametick", max_size=200))
def test_whatever_is_written_comes_out_as_these_tags_and_nothing_else(body):
    tags = Tags(shown(body))
    assert tags.found <= TAGS
    # A table's columns may lie left or right, and a list begin at another number.
    assert tags.attributes <= {"style", "start"}
    markup.problems(body)


def test_a_fact_is_text_whatever_stands_in_it():
    name = "<b>Bobby</b> *Tables* [[tick: x]] {program}\nJr"
    assert shown("**{customer_name}**", {"customer_name": name}) == (
        "<p><strong>&lt;b&gt;Bobby&lt;/b&gt; *Tables* [[tick: x]] {program}<br>Jr</strong></p>\n"
    )
    assert markup.fields("{customer_name}") == []


def test_what_draws_a_field_has_to_say_that_it_is_safe():
    assert markup.render("[[text: A]]", facts={}, draw=lambda field: "<i>") == "<p>&lt;i&gt;</p>\n"


@pytest.mark.parametrize(
    "piece", ["[[", "*", "_a*", "{", "- ", "> ", "|", "[[text: ", "\\", "1. ", "* a\n", "[[tick: x]]"]
)
def test_nothing_takes_long(piece):
    body = (piece * 60_000)[:60_000]
    began = time.perf_counter()
    markup.problems(body)
    shown(body)
    assert time.perf_counter() - began < 5


# What it says


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (" \n", ["Write what the document says."]),
        ("Fine {customer_name} [[tick: ok]] {{braces}}", []),
        (
            "{customer name}",
            [
                "There is no {customer name}. Did you mean {customer_name}? For braces themselves write {{ and }}."
            ],
        ),
        (
            "{zzz} {zzz}",
            ["There is no {zzz}. Choose one of those listed. For braces themselves write {{ and }}."],
        ),
        (
            "[[box: Agree]] and more",
            [
                "This is not a field yet: [[box: Agree]] and more Write it as [[text: Label]]; instead of text also long, tick, initials, date."
            ],
        ),
        ("[[text: " + "x" * 201 + "]]", ["Shorten this to 200 characters: “" + "x" * 60 + "…”"]),
        (
            "[[tick: I, {customer_name}]]",
            ["Leave braces out of “I, {customer_name}”: write the name beside the field."],
        ),
        ("[[text: A]]" * 101, ["Leave out some fields: there are 101, and 100 are the most."]),
        ("\\[[text: A]]", ["A field stands where it is not read. Give it a line of its own."]),
    ],
)
def test_problems_say_what_to_change(body, problems):
    assert markup.problems(body) == problems


def test_every_fact_can_be_written():
    body = " ".join(f"{{{name}}}" for name in facts.KNOWN)
    assert markup.problems(body) == []
    page = shown(body, facts.EXAMPLES)
    assert all(fact.example in page for fact in facts.KNOWN.values())
