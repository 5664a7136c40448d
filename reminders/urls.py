from django.urls import path

from reminders.views import messages, rules
from reminders.webhooks import sendgrid, twilio

urlpatterns = [
    path("messages/", messages.message_list, name="messages"),
    path("messages/attention/", messages.waiting, name="messages-attention"),
    path("messages/texts/<int:pk>/handled/", messages.text_handled, name="text-handled"),
    path("messages/<uuid:reference>/", messages.message, name="message"),
    path("messages/<uuid:reference>/again/", messages.message_again, name="message-again"),
    path("messages/<uuid:reference>/handled/", messages.message_handled, name="message-handled"),
    path("messages/reminders/", rules.programs, name="reminder-rules"),
    path("messages/reminders/<int:program>/", rules.program, name="reminder-program"),
    path("messages/reminders/<int:program>/<int:rule>/", rules.rule, name="reminder-rule"),
    path("webhooks/twilio/inbound/", twilio.inbound, name="twilio-inbound"),
    path("webhooks/twilio/status/", twilio.status, name="twilio-status"),
    path("webhooks/sendgrid/events/", sendgrid.events, name="sendgrid-events"),
]
