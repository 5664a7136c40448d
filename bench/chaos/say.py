"""What a run prints while it goes on."""

from collections import Counter


def say(text: str) -> None:
    print(text, flush=True)


def counts(title: str, found: Counter[str]) -> None:
    say(f"\n{title}")
    for what, number in sorted(found.items()):
        say(f"{number:>7,}  {what}")
