from django.urls import URLPattern, path
from django.views.generic import RedirectView

from scheduling.views import appointment, booking, customers, day, export, find, hours, moving, reassignment

urlpatterns: list[URLPattern] = [
    path("", RedirectView.as_view(pattern_name="schedule"), name="home"),
    path("schedule/", day.schedule, name="schedule"),
    path("schedule/view/", day.choose, name="schedule-view"),
    path("schedule/keys/", day.keys, name="schedule-keys"),
    path("schedule/sheet/", export.day_sheet, name="day-sheet"),
    path("schedule/day.csv", export.day_csv, name="day-csv"),
    path("schedule/book/", booking.book, name="book"),
    path("schedule/find/", find.find_time, name="find-time"),
    path("appointments/<uuid:reference>/", appointment.appointment, name="appointment"),
    path("appointments/<uuid:reference>/move/", moving.move, name="appointment-move"),
    path("appointments/<uuid:reference>/status/", appointment.status, name="appointment-status"),
    path("appointments/<uuid:reference>/cancel/", appointment.cancel, name="appointment-cancel"),
    path("appointments/<uuid:reference>/notes/", appointment.notes, name="appointment-notes"),
    path(
        "appointments/<uuid:reference>/private-note/",
        appointment.private_note,
        name="appointment-private-note",
    ),
    path("schedule/reassignment/", reassignment.reassignment, name="reassignment"),
    path("schedule/reassignment.csv", reassignment.reassignment_csv, name="reassignment-csv"),
    path("customers/", customers.customer_list, name="customers"),
    path("customers/search/", customers.search, name="customer-search"),
    path("customers/new/", customers.customer_new, name="customer-new"),
    path("customers/<int:pk>/", customers.customer, name="customer"),
    path("customers/<int:pk>/edit/", customers.customer_edit, name="customer-edit"),
    path("customers/<int:pk>/cases/", customers.case_open, name="case-open"),
    path("customers/<int:pk>/cases/<int:case>/close/", customers.case_close, name="case-close"),
    path("hours/", hours.overview, name="hours"),
    path("hours/closures/", hours.closures, name="hours-closures"),
    path("hours/closures/<int:pk>/reopen/", hours.reopen, name="hours-reopen"),
    path("hours/extra/<int:pk>/remove/", hours.extra_remove, name="hours-extra-remove"),
    path("hours/time-off/<int:pk>/", hours.decide, name="hours-decide"),
    path("hours/time-off/<int:pk>/withdraw/", hours.withdraw, name="hours-withdraw"),
    path("hours/<int:pk>/", hours.person, name="hours-person"),
    path("hours/<int:pk>/extra/", hours.extra, name="hours-extra"),
    path("hours/<int:pk>/time-off/", hours.time_off, name="hours-time-off"),
    path("hours/<int:pk>/<int:facility>/week/", hours.week, name="hours-week"),
]
