import argparse
import logging
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "securecare.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()
# Visitors who come too late are no news here.
logging.getLogger("django.request").setLevel(logging.ERROR)

from bench import bookings, calendars, database, day_grid, openings, portal, reminders, report  # noqa: E402

PARTS = {
    "grid": day_grid.rows,
    "openings": openings.rows,
    "bookings": bookings.rows,
    "portal": portal.rows,
    "reminders": reminders.rows,
    "calendars": calendars.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure speed on this machine.")
    parser.add_argument("--quick", action="store_true", help="one short run of each row, and less data")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part (may be repeated)")
    options = parser.parse_args()
    begun = time.monotonic()
    rows = []
    with database.created():
        for name in options.only or PARTS:
            for row in PARTS[name](runs=1 if options.quick else 3, quick=options.quick):
                rows.append(row)
                print(".", end="", flush=True)
    print(f"\n\n{report.table(rows)}\n\n{os.cpu_count()} cores, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
