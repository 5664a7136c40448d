"""What should have been sent, by the record of appointments and consents, beside what the providers took."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from appointments.models import Appointment, Channel
from bench.chaos import reports, road
from bench.chaos.crowd import Crowd
from bench.chaos.findings import Findings
from bench.chaos.reports import SENDGRID, TWILIO, Taken
from reminders.models import ConsentLog, Kind, Message

OPEN = (Message.State.PENDING, Message.State.CLAIMED)
CHANNELS = {TWILIO: Channel.PHONE, SENDGRID: Channel.EMAIL}


@dataclass
class Evidence:
    rows: list[Message]
    taken: list[Taken]
    reported: dict[str, float]
    """When the site took the first report about what a provider knows by this id."""

    def of(self, row: Message) -> list[Taken]:
        return self._by_reference.get(str(row.reference), [])

    @cached_property
    def _by_reference(self) -> dict[str, list[Taken]]:
        found = defaultdict(list)
        for each in self.taken:
            found[each.reference].append(each)
        return found


def gathered(folder: Path) -> Evidence:
    reported: dict[str, float] = {}
    for line in _lines(folder / reports.REPORTED):
        reported.setdefault(line["id"], line["at"])
    taken = [Taken(**line) for line in _lines(folder / road.TAKEN)]
    return Evidence(list(Message.objects.order_by("pk")), taken, reported)


def found(evidence: Evidence, crowd: Crowd, *, ended_at: datetime, timeout: float) -> Findings:
    findings = Findings()
    _count(evidence, findings)
    for row in evidence.rows:
        _judge(row, evidence.of(row), evidence, findings, ended_at)
    _judge_strangers(evidence, findings)
    _judge_consent(evidence, crowd, findings, timeout)
    _judge_reminders(evidence, crowd, findings)
    _judge_notices(evidence, crowd, findings)
    return findings


def _count(evidence: Evidence, findings: Findings) -> None:
    states = Counter(row.get_state_display() for row in evidence.rows)
    findings.counts["messages planned"] = len(evidence.rows)
    findings.counts |= {f"… {state.lower()}": number for state, number in states.most_common()}
    findings.counts["texts that Twilio took"] = sum(each.provider == TWILIO for each in evidence.taken)
    findings.counts["e-mails that SendGrid took"] = sum(each.provider == SENDGRID for each in evidence.taken)


def _judge(
    row: Message, taken: list[Taken], evidence: Evidence, findings: Findings, ended_at: datetime
) -> None:
    wrong = findings.wrong
    if row.state in OPEN and row.due_at <= ended_at:
        wrong["never settled"].append(_case(row))
    if row.state == Message.State.GIVEN_UP:
        wrong["given up"].append(_case(row))
    if row.state == Message.State.DONE and not taken:
        wrong["lost: done by our record, and the provider has nothing"].append(_case(row))
    if row.state == Message.State.CLOSED and taken:
        wrong["closed, though the provider has it"].append(_case(row, taken))
    if any(each.to != row.address for each in taken):
        wrong["sent to another address than the record says"].append(_case(row, taken))
    for before, after in pairwise(taken):
        if excuse := _excuse(before, after, evidence):
            findings.excused[excuse] += 1
        else:
            wrong["sent twice"].append(_case(row, [before, after]))


def _excuse(before: Taken, after: Taken, evidence: Evidence) -> str:
    """Why nobody could know of the attempt before. Twilio can be asked, so there is none."""
    if before.provider != SENDGRID or evidence.reported.get(before.id, after.at) < after.at:
        return ""
    return "no answer and no event came from SendGrid in time"


def _judge_strangers(evidence: Evidence, findings: Findings) -> None:
    ours = {str(row.reference) for row in evidence.rows}
    for each in evidence.taken:
        if each.reference not in ours:
            findings.wrong["sent, and no message of ours"].append(str(each))


def _judge_consent(evidence: Evidence, crowd: Crowd, findings: Findings, timeout: float) -> None:
    """By the log as it stood when the provider took the text; who took it back a moment before may still get one."""
    log = defaultdict(list)
    for entry in ConsentLog.objects.filter(channel=Channel.PHONE).order_by("id"):
        log[entry.address].append((entry.at.timestamp(), entry.granted))
    for each in evidence.taken:
        if each.provider == TWILIO and not _had_agreed(log[each.to], each.at, timeout):
            findings.wrong["texted without consent"].append(str(each))
    agreed_later = {address for address, entries in log.items() if any(granted for _, granted in entries)}
    findings.counts["numbers that never agreed"] = len(crowd.silent - agreed_later)


def _had_agreed(entries: Iterable[tuple[float, bool]], at: float, timeout: float) -> bool:
    """At this time or shortly before."""
    agreed = False
    for since, granted in entries:
        if since > at:
            break
        agreed = granted or (agreed and since > at - timeout)
    return agreed


def _judge_reminders(evidence: Evidence, crowd: Crowd, findings: Findings) -> None:
    """Everybody whose appointment stands got the e-mail, and the text if they had agreed before and never took that back."""
    appointments = Appointment.objects.filter(pk__in=[each.pk for each in crowd.reminded])
    refused = ConsentLog.objects.filter(channel=Channel.PHONE, granted=False)
    unsure = crowd.silent | set(refused.values_list("address", flat=True))
    rows = defaultdict(list)
    for row in evidence.rows:
        if row.kind == Kind.REMINDER:
            rows[row.appointment_id, row.channel].append(row)
    for appointment in appointments.live().select_related("customer"):
        for channel in Channel.values:
            found = rows[appointment.pk, channel]
            wanted = channel == Channel.EMAIL or appointment.customer.phone not in unsure
            if wanted and not any(map(evidence.of, found)):
                cases = "; ".join(map(_case, found)) or "never planned"
                findings.wrong[f"no reminder by {channel}"].append(f"{appointment.reference}: {cases}")


def _judge_notices(evidence: Evidence, crowd: Crowd, findings: Findings) -> None:
    """Everybody's last e-mail tells what is so now; nobody hears that something is off of which they never heard."""
    last: dict[Any, Message] = {}
    for row in evidence.rows:
        if (
            row.kind in (Kind.BOOKED, Kind.MOVED, Kind.CANCELLED)
            and row.channel == Channel.EMAIL
            and evidence.of(row)
        ):
            last[row.appointment_id] = max(
                last.get(row.appointment_id, row),
                row,
                key=lambda each: (each.revision, each.kind == Kind.CANCELLED),
            )
    for appointment in Appointment.objects.filter(program=crowd.desk.program):
        told = last.get(appointment.pk)
        if appointment.is_cancelled:
            is_right = told is None or told.kind == Kind.CANCELLED
        else:
            is_right = (
                told is not None and told.kind != Kind.CANCELLED and told.revision == appointment.revision
            )
        if not is_right:
            findings.wrong["the last notice is not what is so"].append(f"{appointment.reference}: {told}")


def _case(row: Message, taken: Iterable[Taken] = ()) -> str:
    took = "; ".join(f"{each.at:.1f} {each.id} ({each.fate})" for each in taken)
    return f"{row.pk} {row.kind} {row.channel} {row.state} attempts={row.attempts} {row.last_error or row.closed_reason} {took}"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())
