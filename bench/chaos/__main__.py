import argparse
import logging
import os
import random
import signal
import sys
import time

from bench.chaos import house
from bench.chaos.calendars.setting import CalendarSetting
from bench.chaos.setting import Setting

PARTS = ("messages", "calendars")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.chaos",
        description="Send messages and keep calendars equal while everything fails; then compare what providers and calendars "
        "have with what they should.",
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long there is trouble")
    parser.add_argument("--messages", type=int, default=1200, help="about how many become due meanwhile")
    parser.add_argument(
        "--changes", type=int, default=1000, help="of appointments whose staff have calendars"
    )
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs and the database")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begun = time.monotonic()
    print(f"Seed {options.seed}", flush=True)
    where, calendars = Setting.found(options.seed), CalendarSetting.found(options.seed)
    with house.opened(keep=options.keep) as here:
        os.environ.update({**where.environment(here.folder), **calendars.environment()})
        print(f"In {here.folder}", flush=True)
        findings = _run(here, where, calendars, options)
    print("\n".join(findings.lines()))
    verdict = "Nothing lost, nothing twice" if findings.is_clean else "NOT as it should be"
    print(f"\n{verdict}. Seed {options.seed}, {time.monotonic() - begun:.0f} s.")
    return 0 if findings.is_clean else 1


def _run(  # type: ignore[no-untyped-def]
    here: house.House, where: Setting, calendars: CalendarSetting, options: argparse.Namespace
):
    """Django reads its settings from the environment when it is set up, not before."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "securecare.settings")
    import django

    django.setup()
    # That a server is away is no news here.
    logging.disable(logging.WARNING)
    from bench.chaos import run

    plan = run.Plan(options.seconds, options.messages, options.changes, options.seed)
    return run.run(here, where, calendars, plan, [options.only] if options.only else PARTS)


if __name__ == "__main__":
    sys.exit(main())
