from django.urls import path

from calendarsync.views import caldav, calendars, choosing, feeds, google

urlpatterns = [
    path("calendar/<str:token>.ics", feeds.file, name="calendar-feed-file"),
    path("calendars/", calendars.calendar_list, name="calendars"),
    path("calendars/feed/", feeds.feed, name="calendar-feed"),
    path("calendars/caldav/", caldav.connect, name="calendar-caldav"),
    path("calendars/google/", google.connect, name="calendar-google"),
    path("calendars/google/callback/", google.callback, name="calendar-google-callback"),
    path("calendars/google/delegated/", google.delegated, name="calendar-delegated"),
    path("calendars/<uuid:reference>/", calendars.calendar, name="calendar"),
    path("calendars/<uuid:reference>/choose/", choosing.choose, name="calendar-choose"),
    path("calendars/<uuid:reference>/password/", caldav.password, name="calendar-password"),
    path("calendars/<uuid:reference>/test/", calendars.test, name="calendar-test"),
    path("calendars/<uuid:reference>/retry/", calendars.retry, name="calendar-retry"),
    path("calendars/<uuid:reference>/titles/", calendars.titles, name="calendar-titles"),
    path("calendars/<uuid:reference>/disconnect/", calendars.disconnect, name="calendar-disconnect"),
]
