from django.urls import path

from calendarsync.views import calendars

urlpatterns = [
    path("calendars/", calendars.calendar_list, name="calendars"),
    path("calendars/<uuid:reference>/", calendars.calendar, name="calendar"),
    path("calendars/<uuid:reference>/test/", calendars.test, name="calendar-test"),
    path("calendars/<uuid:reference>/retry/", calendars.retry, name="calendar-retry"),
    path("calendars/<uuid:reference>/titles/", calendars.titles, name="calendar-titles"),
    path("calendars/<uuid:reference>/disconnect/", calendars.disconnect, name="calendar-disconnect"),
]
