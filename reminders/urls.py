from django.urls import path

from reminders.views import rules
from reminders.webhooks import sendgrid, twilio

urlpatterns = [
    path("messages/reminders/", rules.programs, name="reminder-rules"),
    path("messages/reminders/<int:program>/", rules.program, name="reminder-program"),
    path("messages/reminders/<int:program>/<int:rule>/", rules.rule, name="reminder-rule"),
    path("webhooks/twilio/inbound/", twilio.inbound, name="twilio-inbound"),
    path("webhooks/twilio/status/", twilio.status, name="twilio-status"),
    path("webhooks/sendgrid/events/", sendgrid.events, name="sendgrid-events"),
]
