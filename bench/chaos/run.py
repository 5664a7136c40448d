"""One run: the site is set up, everything happens at once, calm returns, and what came of it is judged."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection

from bench.chaos import say
from bench.chaos.calendars.part import Calendars
from bench.chaos.calendars.setting import CalendarSetting
from bench.chaos.findings import Findings
from bench.chaos.house import House, hurried
from bench.chaos.messages import Messages
from bench.chaos.part import Part, Plan
from bench.chaos.setting import Setting
from bench.chaos.troubles import Mischief, SiteMischief
from bench.site import answers
from securecare import broker
from securecare.management.commands import demo

BEATS = ["beat1", "beat2"]
CALM_SECONDS = 150
TEND_EVERY = 0.1
# A database that is away puts deeds off; those of more than so many times the time are left undone.
LONGEST = 2


def run(
    house: House, where: Setting, calendars: CalendarSetting, plan: Plan, names: Sequence[str]
) -> Findings:
    begun = time.monotonic()
    broker.ensure_queues()
    call_command("migrate", verbosity=0)
    parts: list[Part] = []
    if "messages" in names:
        parts.append(Messages(house, where, plan))
    if "calendars" in names:
        parts.append(Calendars(house, calendars, plan, settle=lambda: settle(house, parts)))
    site = SiteMischief(house, beats=BEATS)
    start(house, where, parts)
    for part in parts:
        part.gather()
    say.say(f"Ready after {time.monotonic() - begun:.0f} s. {plan.seconds:.0f} s of chaos …")
    disturb(house, parts, [site, *(part.mischief for part in parts)], plan)
    say.counts("What was done to the site", site.made)
    calmed = time.monotonic()
    settle(house, parts)
    say.say(f"\nCalm: settled after {time.monotonic() - calmed:.0f} s.")
    findings = Findings()
    for part in parts:
        say.counts(f"What was done to {part.mischief.name}", part.mischief.made)
        part.tell()
        findings.add(part.judge())
    say.say("")
    return findings


def start(house: House, where: Setting, parts: Sequence[Part]) -> None:
    ports = [port for part in parts for port in part.start()]
    house.add("web", demo.web_command(where.web))
    for name in BEATS:
        schedule = str(house.folder / f"{name}-schedule")
        house.add(name, hurried(demo.celery_command("beat", "--schedule", schedule)))
    house.wait_for(lambda: all(map(answers, [*ports, where.web])), "the site to listen")


def disturb(house: House, parts: Sequence[Part], mischiefs: Sequence[Mischief], plan: Plan) -> None:
    """Everybody acts in a thread of their own: some of it takes a while. Troubles end when it is time, deeds when all are done."""
    begun = time.monotonic()
    done = threading.Event()
    with ThreadPoolExecutor(len(parts) + len(mischiefs)) as threads:
        deeds = [threads.submit(_act, part, begun, done) for part in parts]
        troubles = [threads.submit(_make_all, mischief, plan, begun, done) for mischief in mischiefs]
        try:
            _tend_while(house, lambda: _goes_on(deeds, time.monotonic() - begun, plan))
        finally:
            done.set()
    for mischief in mischiefs:
        mischief.calm()
    for each in [*deeds, *troubles]:
        each.result()


def _goes_on(deeds: Sequence[Future[None]], seconds: float, plan: Plan) -> bool:
    return seconds < plan.seconds or (not _all_done(deeds) and seconds < plan.seconds * LONGEST)


def _act(part: Part, begun: float, done: threading.Event) -> None:
    _at_times(part.times(), lambda _: part.act(), begun, done)


def _make_all(mischief: Mischief, plan: Plan, begun: float, done: threading.Event) -> None:
    script = mischief.script(plan.seed, seconds=plan.seconds)
    _at_times([trouble.at for trouble in script], lambda at: mischief.make(script[at]), begun, done)


def _at_times(
    times: Sequence[float], act: Callable[[int], None], begun: float, done: threading.Event
) -> None:
    try:
        for number, at in enumerate(times):
            if done.wait(max(0.0, begun + at - time.monotonic())):
                break
            act(number)
    finally:
        connection.close()


def _all_done(acting: Sequence[Future[None]]) -> bool:
    """Raises what went wrong with one of them."""
    finished = [each for each in acting if each.done()]
    for each in finished:
        each.result()
    return len(finished) == len(acting)


def _tend_while(house: House, holds: Callable[[], bool]) -> None:
    while holds():
        house.tend()
        time.sleep(TEND_EVERY)


def _tend_for(house: House, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    _tend_while(house, lambda: time.monotonic() < until)


def settle(house: House, parts: Sequence[Part]) -> None:
    """Wait until nothing waits any more that was meant for this run."""
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline and not _are_settled(parts):
        _tend_for(house, seconds=1)


def _are_settled(parts: Sequence[Part]) -> bool:
    try:
        return not any(part.unsettled() for part in parts)
    except (DatabaseError, InterfaceError):
        connection.close()
        return False
