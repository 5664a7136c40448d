"""What should stand in each calendar, by the record of appointments, beside what its owner sees there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import likeness
from bench.chaos.calendars import road
from bench.chaos.calendars.outsiders import Outsiders
from bench.chaos.calendars.owners import Owners
from bench.chaos.findings import Findings
from bench.likeness import Difference
from calendarsync.models import CalendarConnection, CalendarSync, Reconciliation, SyncedEvent
from calendarsync.models.connection import State
from calendarsync.syncing import COVERED
from tests.calendarsync.harness import Standing

OPEN = (CalendarSync.State.PENDING, CalendarSync.State.CLAIMED)
OWN = "events of owners' own"


@dataclass(frozen=True)
class Evidence:
    """What stands in each calendar, by its connection: when everything had settled, and after one comparison."""

    settled: Mapping[int, list[Standing]]
    compared: Mapping[int, list[Standing]]
    comparisons: Sequence[Reconciliation | None]
    rows: Sequence[CalendarSync]


def seen(owners: Owners) -> dict[int, list[Standing]]:
    return {each.pk: owners.outside(each).standing(each) for each in owners.connections}


def found(evidence: Evidence, owners: Owners, outsiders: Outsiders, folder: Path) -> Findings:
    findings = Findings()
    _count(evidence, findings)
    _judge_rows(evidence, findings)
    for connection in owners.connections:
        connection.refresh_from_db()
        _judge_connection(connection, findings)
        _judge_settled(connection, evidence, outsiders, findings)
        _judge_compared(connection, evidence, findings)
        _judge_belief(connection, evidence, findings)
        _judge_own(connection, evidence, outsiders, findings)
    _judge_comparisons(evidence, findings)
    _count_requests(owners, folder, findings)
    return findings


def _count(evidence: Evidence, findings: Findings) -> None:
    counts = findings.counts
    counts["rows of calendars"] = len(evidence.rows)
    states = Counter(row.get_state_display() for row in evidence.rows)
    counts |= {f"… rows {state.lower()}": number for state, number in states.most_common()}
    outcomes = Counter(row.get_outcome_display() for row in evidence.rows if row.outcome)
    counts |= {f"… … entries {outcome.lower()}": number for outcome, number in outcomes.most_common()}
    counts["entries that stand in calendars"] = sum(map(len, evidence.compared.values()))
    for what in ("missing", "changed", "stray"):
        counts[f"put right by the last comparison: {what}"] = sum(
            getattr(each, what) for each in evidence.comparisons if each
        )


def _judge_rows(evidence: Evidence, findings: Findings) -> None:
    for row in evidence.rows:
        if row.state in OPEN:
            findings.wrong["never settled"].append(_case(row))
        if row.state == CalendarSync.State.GIVEN_UP:
            findings.wrong["given up"].append(_case(row))
        if row.state == CalendarSync.State.CLOSED and row.closed_reason != COVERED:
            findings.wrong["closed, though nobody wanted that"].append(_case(row))


def _judge_connection(connection: CalendarConnection, findings: Findings) -> None:
    if connection.state != State.ACTIVE:
        findings.wrong["stopped, though its owner connected it again"].append(
            f"{connection}: {connection.last_error}"
        )


def _judge_settled(
    connection: CalendarConnection, evidence: Evidence, outsiders: Outsiders, findings: Findings
) -> None:
    """Without a comparison an entry differs only because somebody changed it."""
    for difference in _differences(connection, evidence.settled):
        if (connection.pk, difference.appointment) not in outsiders.touched:
            what = f"{difference.kind} before the comparison, and nobody had touched it"
            findings.wrong[what].append(_of(connection, difference))


def _judge_compared(connection: CalendarConnection, evidence: Evidence, findings: Findings) -> None:
    for difference in _differences(connection, evidence.compared):
        findings.wrong[f"{difference.kind} after the comparison"].append(_of(connection, difference))


def _judge_comparisons(evidence: Evidence, findings: Findings) -> None:
    for each in evidence.comparisons:
        if each is None or each.finished_at is None:
            findings.wrong["not compared to the end"].append(f"{each}: {each.error if each else 'not begun'}")


def _judge_belief(connection: CalendarConnection, evidence: Evidence, findings: Findings) -> None:
    """What we believe to stand there does, under its name, and nothing else of ours."""
    believed = set(
        SyncedEvent.objects.filter(connection=connection).values_list("appointment__reference", "external_id")
    )
    standing = {(event.appointment, event.external_id) for event in _ours(evidence.compared[connection.pk])}
    for appointment, external_id in believed ^ standing:
        findings.wrong["what we believe to stand there is not what does"].append(
            f"{connection}: {appointment} {external_id}"
        )


def _judge_own(
    connection: CalendarConnection, evidence: Evidence, outsiders: Outsiders, findings: Findings
) -> None:
    """Events of the owner's own are as they made them."""
    now = {
        event.title: (event.starts_at, event.ends_at)
        for event in evidence.compared[connection.pk]
        if event.appointment is None
    }
    made = outsiders.own.get(connection.pk, {})
    findings.counts[OWN] = findings.counts.get(OWN, 0) + len(made)
    for title in (made.keys() | now.keys()) - outsiders.unsure:
        if made.get(title) != now.get(title):
            findings.wrong["an event of the owner's own was touched"].append(
                f"{connection}: {title}: {made.get(title)} became {now.get(title)}"
            )


def _count_requests(owners: Owners, folder: Path, findings: Findings) -> None:
    """Google counts at its door; before the CalDAV server the road does. The road itself may hold some up, so that they come
    together: how many come at most is for the benchmark to judge."""
    peaks = [*owners.google.told()["peaks"].values(), *_peaks(folder).values()]
    findings.counts["most requests to one calendar within one second"] = max(peaks, default=0)


def _peaks(folder: Path) -> dict[str, int]:
    times: dict[str, list[float]] = {}
    for at, provider, calendar, *_ in requests(folder):
        if provider == road.CALDAV and calendar != "-":
            times.setdefault(calendar, []).append(float(at))
    return {calendar: _peak(sorted(each)) for calendar, each in times.items()}


def _peak(times: Sequence[float]) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def requests(folder: Path) -> list[list[str]]:
    """Time, provider, calendar, verb, fate and target of each."""
    return [line.split("\t") for line in (folder / road.ASKED).read_text().splitlines()]


def _differences(
    connection: CalendarConnection, standing: Mapping[int, Sequence[Standing]]
) -> list[Difference]:
    return list(likeness.differences(likeness.wanted(connection), standing[connection.pk]))


def _ours(standing: Sequence[Standing]) -> list[Standing]:
    return [event for event in standing if event.appointment is not None]


def _of(connection: CalendarConnection, difference: Difference) -> str:
    rows = CalendarSync.objects.of(connection).filter(appointment__reference=difference.appointment)
    trail = "; ".join(map(_case, rows.order_by("-id")[:3]))
    return f"{connection.provider} {connection.pk}: {difference} [{trail}]"


def _case(row: CalendarSync) -> str:
    settled = f"{row.settled_at:%H:%M:%S.%f}" if row.settled_at else "-"
    error = row.last_error or row.closed_reason
    return (
        f"{row.pk} {row.reason} {row.state} {row.outcome} version={row.version} attempts={row.attempts} "
        f"{row.created_at:%H:%M:%S.%f}–{settled} {error}"
    )
