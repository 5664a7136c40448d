"""The markup that documents are written in: plain text with a little Markdown, facts in braces and fields in brackets.

Headings, paragraphs, bold, italic, lists, tables, rules and line breaks, and no more: there are no links, images or HTML, so
nothing remote is ever fetched, and whatever else is written stands there as written.

    I, {customer_name}, agree.        a fact (`signatures.facts`); {{ and }} are braces themselves
    [[tick*: I have read this]]       a field; a star: it has to be filled in
    [[second text: Relationship]]     a field of the second signer; `staff` is the staff member
"""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from signatures import facts as known
from signatures.fields import KINDS, Field
from signatures.models import SignerRole

LABEL_LIMIT = 200
MOST_FIELDS = 100
LOWEST_HEADING = 4

_ROLES = "|".join(SignerRole.values)
_FIELD = re.compile(
    rf"\[\[[ \t]*(?:({_ROLES})[ \t]+)?({'|'.join(KINDS)})[ \t]*(\*?)[ \t]*:[ \t]*([^\[\]\n]+?)[ \t]*\]\]",
    re.IGNORECASE,
)
_FACT = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}")
_BLOCKS = ("heading", "hr", "list", "table")
_INLINES = ("escape", "newline", "emphasis", "balance_pairs", "fragments_join")


def render(body: str, *, facts: Mapping[str, str], draw: Callable[[Field], str]) -> SafeString:
    """Safe HTML. `draw` gives that of a field; what it has not marked as safe is escaped. A fact is text, whatever stands in it."""

    def shown(token: Token) -> str:
        if token.type == "field":
            return conditional_escape(draw(token.meta["field"]))
        return _fact(token, facts)

    tokens = [_filled(token, shown) for token in _tokens(body)]
    return mark_safe(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S308 - all text in it is escaped


def fields(body: str) -> list[Field]:
    return [token.meta["field"] for token in _inline(body) if token.type == "field"]


def problems(body: str) -> list[str]:
    """What has to be changed before the document can be published, in the words of whoever has to change it."""
    if not body.strip():
        return ["Write what the document says."]
    wanted = fields(body)
    found = [*_unknown_facts(body), *_broken_fields(body, wanted), *_label_problems(wanted)]
    if len(wanted) > MOST_FIELDS:
        found.append(f"Leave out some fields: there are {len(wanted)}, and {MOST_FIELDS} are the most.")
    return found


def _filled(token: Token, shown: Callable[[Token], str]) -> Token:
    """With the facts and fields in it as HTML."""
    if not token.children:
        return token
    children = [
        Token("made", "", 0, content=shown(child)) if child.type in ("fact", "field") else child
        for child in token.children
    ]
    return token.copy(children=children)


def _fact(token: Token, facts: Mapping[str, str]) -> str:
    name = token.meta["name"]
    if name not in known.KNOWN:
        return str(escape(token.content))
    return str(escape(facts.get(name, ""))).replace("\n", "<br>")


# ------------------------------------------------------------------------------------------------ reading


def _inline(body: str) -> Iterator[Token]:
    return (child for token in _tokens(body) for child in token.children or [])


@lru_cache(maxsize=32)
def _tokens(body: str) -> list[Token]:
    """Kept, as every page that shows a document reads it several times. Nobody changes them."""
    return _PARSER.parse(body.replace("\r\n", "\n"), {})


def _read_field(state: StateInline, silent: bool) -> bool:
    found = _FIELD.match(state.src, state.pos)
    if found is None or found.end() > state.posMax:
        return False
    if not silent:
        number = state.env["fields"] = state.env.get("fields", 0) + 1
        role, kind, star, label = found.groups()
        token = state.push("field", "", 0)
        token.content = found[0]
        token.meta["field"] = Field(
            f"f{number}", kind.lower(), label, bool(star), (role or SignerRole.CUSTOMER.value).lower()
        )
    state.pos = found.end()
    return True


def _read_fact(state: StateInline, silent: bool) -> bool:
    found = _FACT.match(state.src, state.pos)
    if found is None or found.end() > state.posMax:
        return False
    if not silent and found[1] is None:
        state.pending += found[0][0]
    elif not silent:
        token = state.push("fact", "", 0)
        token.content, token.meta["name"] = found[0], found[1].strip()
    state.pos = found.end()
    return True


def _level_headings(state: StateCore) -> None:
    """The page's own heading is the document's title: the highest in it are of the second level, however they are written."""
    headings = [token for token in state.tokens if token.type.startswith("heading")]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) - highest + 2, LOWEST_HEADING)}"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False, "linkify": False, "breaks": True})
    parser.enable([*_BLOCKS, *_INLINES])
    parser.inline.ruler.before("escape", "field", _read_field)
    parser.inline.ruler.before("escape", "fact", _read_fact)
    parser.core.ruler.push("level_headings", _level_headings)
    parser.add_render_rule("made", lambda renderer, tokens, index, options, env: tokens[index].content)
    return parser


_PARSER = _parser()


# ----------------------------------------------------------------------------------------------- problems


def _unknown_facts(body: str) -> list[str]:
    names = dict.fromkeys(token.meta["name"] for token in _inline(body) if token.type == "fact")
    return [_unknown_fact(name) for name in names if name not in known.KNOWN]


def _unknown_fact(name: str) -> str:
    near = get_close_matches(name.lower().replace(" ", "_"), known.KNOWN, n=1)
    advice = f"Did you mean {{{near[0]}}}?" if near else "Choose one of those listed."
    return f"There is no {{{name}}}. {advice} For braces themselves write {{{{ and }}}}."


def _broken_fields(body: str, wanted: list[Field]) -> list[str]:
    """Whatever begins as a field and is none."""
    left = _FIELD.sub("", body)
    broken = dict.fromkeys(line.strip()[:60] for line in re.findall(r"\[\[[^\n]*", left))
    found = [
        f"This is not a field yet: {start} Write it as [[text: Label]]; instead of text also "
        f"{', '.join(KINDS[1:])}."
        for start in broken
    ]
    if not found and len(_FIELD.findall(body)) != len(wanted):
        found.append("A field stands where it is not read. Give it a line of its own.")
    return found


def _label_problems(wanted: list[Field]) -> list[str]:
    found = [
        f"Shorten this to {LABEL_LIMIT} characters: “{field.label[:60]}…”"
        for field in wanted
        if len(field.label) > LABEL_LIMIT
    ]
    braced = [field.label for field in wanted if "{" in field.label]
    return found + [
        f"Leave braces out of “{label[:60]}”: write the name beside the field." for label in braced
    ]
