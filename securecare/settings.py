"""One settings file, read from the environment. Every name is listed with one line in .env.example."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
import limits
from celery.schedules import crontab
from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from securecare import embedded

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# ---------------------------------------------------------------------------------------------- core

DEBUG = env.bool("DEBUG", default=False)
DEVELOPMENT_SECRET = "insecure-development-secret-key-never-used-in-production"  # noqa: S105
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_SECRET)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="http://localhost:8000").rstrip("/")
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()

INSTALLED_APPS = [
    "portal",
    "scheduling",
    "signatures",
    "billing",
    "calendarsync",
    "reminders",
    "appointments",
    "securecare",
    "securecare.adminsite.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "securecare.charset.Utf8Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "appointments.signin.middleware.StaffSessionMiddleware",
    "securecare.idle.IdleMiddleware",
    "appointments.signin.middleware.SignInRequiredMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "securecare.urls"
WSGI_APPLICATION = "securecare.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "appointments.branding.context",
                "portal.pages.context",
                "scheduling.navigation.navigation",
            ],
        },
    },
]

# ---------------------------------------------------------------------------- database and broker

# Without addresses SecureCare starts its own PostgreSQL and Redis under DATA_DIR (securecare/embedded).
DATABASE_URL = env.str("DATABASE_URL", default="")
REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url(DATA_DIR)

if DATABASE_URL:
    DATABASES: dict[str, Any] = {"default": env.db_url_config(DATABASE_URL)}
else:
    DATABASES = {"default": embedded.database_settings(DATA_DIR)}
DATABASES["default"]["TEST"] = {"NAME": env.str("TEST_DATABASE_NAME", default="") or None}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=600)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ATOMIC_REQUESTS"] = False
# PostgreSQL plans a repeated statement once per connection: half the cost of a grid's queries is planning. Behind a pooler
# that hands one connection to several clients in turn, prepared statements must be off.
if env.bool("DATABASE_PREPARED_STATEMENTS", default=True):
    DATABASES["default"].setdefault("OPTIONS", {}).update(server_side_binding=True, prepare_threshold=3)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Where request limits are counted, in the spelling of the limits package.
LIMITS_URL = REDIS_URL.replace("unix://", "redis+unix://", 1)

# ------------------------------------------------------------------------------------------ celery

# The same address in Celery's spelling: redis-py says unix://, Celery says redis+socket://.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    # A request that publishes tries once more at once, not for six seconds: the sweep queues what is lost.
    "max_retries": 1,
    "interval_start": 0,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Celery would close the connection to the database before and after every task: securecare.celery closes it when it is old.
CELERY_DB_REUSE_MAX = 2**62
CELERY_TASK_DEFAULT_QUEUE = "reminders"
CELERY_TASK_ROUTES = {"calendarsync.tasks.*": {"queue": "calendarsync"}}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "send-due-messages": {
        "task": "reminders.tasks.sweep",
        "schedule": timedelta(seconds=30),
        # A sweep that could not start before the next one has nothing left to do.
        "options": {"expires": 30},
    },
    "plan-reminders-anew": {
        "task": "reminders.tasks.plan_anew",
        # By the clock: a beat that was restarted has forgotten when it last did.
        "schedule": crontab(hour="*/6", minute="17"),
    },
    "sync-due-calendars": {
        "task": "calendarsync.tasks.sweep",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    # Each calendar is compared once a night, by the clock of its owner's facility.
    "reconcile-calendars": {
        "task": "calendarsync.tasks.reconcile_due",
        "schedule": crontab(minute="12,42"),
        "options": {"expires": 1500},
    },
    "clear-unfinished-calendars": {
        "task": "calendarsync.tasks.clear_unfinished",
        "schedule": timedelta(hours=6),
    },
    "seal-signed-documents": {
        "task": "signatures.tasks.sweep",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "remind-of-documents": {
        "task": "signatures.tasks.remind",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "clear-expired-sessions": {
        "task": "securecare.tasks.clear_expired_sessions",
        "schedule": timedelta(hours=6),
    },
    "clear-old-portal-codes": {
        "task": "portal.tasks.clear_old_codes",
        "schedule": timedelta(days=1),
    },
}

# ----------------------------------------------------------------------- sign-in and browser safety

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "appointments.access.StaffBackend",
    "portal.accounts.PatronBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "schedule"
LOGOUT_REDIRECT_URL = "sign-in"

# Five wrong passwords for one user name from one address, then a quarter of an hour of nothing.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_CLIENT_IP_CALLABLE = "securecare.client.address_of"
AXES_LOCKOUT_CALLABLE = "appointments.signin.views.entry.locked_out"
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "SecureCare"

SECURE_COOKIES = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
CSRF_FAILURE_VIEW = "portal.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_ENGINE = "securecare.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_SSL_REDIRECT = SECURE_COOKIES
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_COOKIES
SECURE_HSTS_PRELOAD = SECURE_COOKIES
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # The grid places its cards with style attributes; style elements stay forbidden.
        "style-src-attr": [UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# ------------------------------------------------------------------------------------ customer portal

# For organisations whose carrier asks for a ticked box beside the mobile number; else entering it is the consent.
SMS_CONSENT_REQUIRES_TICK = env.bool("SMS_CONSENT_REQUIRES_TICK", default=False)
# How often one network address, and one e-mail address or number, may book: in the spelling of the limits package.
BOOKINGS_PER_ADDRESS = env.str("BOOKINGS_PER_ADDRESS", default="30/hour")
BOOKINGS_PER_CONTACT = env.str("BOOKINGS_PER_CONTACT", default="10/day")
# How often appointments may be confirmed from one network address: a mobile carrier has thousands of customers behind one.
CONFIRMATIONS_PER_ADDRESS = env.str("CONFIRMATIONS_PER_ADDRESS", default="300/hour")
try:
    limits.parse_many(f"{BOOKINGS_PER_ADDRESS}; {BOOKINGS_PER_CONTACT}; {CONFIRMATIONS_PER_ADDRESS}")
except ValueError as error:
    raise ImproperlyConfigured(
        f"BOOKINGS_PER_ADDRESS, BOOKINGS_PER_CONTACT, CONFIRMATIONS_PER_ADDRESS: write them as 30/hour. {error}"
    ) from error

# -------------------------------------------------------------------------------- messages to customers

# Providers without credentials are off: messages are then kept readable under Messages, and sent to nobody.
EMAIL_FROM = env.str("EMAIL_FROM", default="appointments@localhost")
SMTP_URL = env.str("SMTP_URL", default="")
SENDGRID_API_KEY = env.str("SENDGRID_API_KEY", default="")
SENDGRID_API_BASE = env.str("SENDGRID_API_BASE", default="https://api.sendgrid.com").rstrip("/")
# Public keys of the signed event webhook; several while one is replaced by another.
SENDGRID_WEBHOOK_KEYS = env.list("SENDGRID_WEBHOOK_KEYS", default=[])
# How long an event may take that tells whether an interrupted e-mail was sent.
SENDGRID_EVENT_MINUTES = env.float("SENDGRID_EVENT_MINUTES", default=15)
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
# The first signs what we send; webhooks signed with any of them are accepted, so that one can replace another.
TWILIO_AUTH_TOKENS = env.list("TWILIO_AUTH_TOKENS", default=[])
TWILIO_MESSAGING_SERVICE_SID = env.str("TWILIO_MESSAGING_SERVICE_SID", default="")
TWILIO_FROM = env.str("TWILIO_FROM", default="")
TWILIO_API_BASE = env.str("TWILIO_API_BASE", default="https://api.twilio.com").rstrip("/")
# What some of Twilio's error codes mean, where that differs from `reminders.transports.twilio.CODES`.
TWILIO_CODES = env.dict("TWILIO_CODES", default={})
PROVIDER_TIMEOUT_SECONDS = env.float("PROVIDER_TIMEOUT_SECONDS", default=10)
# Texts about appointments to one number in 24 hours and in 7 days; codes that somebody asked for do not count.
TEXTS_PER_NUMBER_A_DAY = env.int("TEXTS_PER_NUMBER_A_DAY", default=5)
TEXTS_PER_NUMBER_A_WEEK = env.int("TEXTS_PER_NUMBER_A_WEEK", default=15)
# How long a worker may be silent about a message before another takes it over.
OUTBOX_CLAIM_SECONDS = env.int("OUTBOX_CLAIM_SECONDS", default=300)

# ------------------------------------------------------------------------------- calendars of staff

# Google: the client of this site (OAuth), and the key of a service account that acts for the whole domain. Either may be
# missing; without both nobody can connect a Google calendar.
GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", default="")
GOOGLE_CLIENT_SECRET = env.str("GOOGLE_CLIENT_SECRET", default="")
GOOGLE_SERVICE_ACCOUNT_FILE = env.str("GOOGLE_SERVICE_ACCOUNT_FILE", default="")
GOOGLE_API_BASE = env.str("GOOGLE_API_BASE", default="https://www.googleapis.com").rstrip("/")
GOOGLE_AUTH_URL = env.str("GOOGLE_AUTH_URL", default="https://accounts.google.com/o/oauth2/v2/auth")
GOOGLE_TOKEN_URL = env.str("GOOGLE_TOKEN_URL", default="https://oauth2.googleapis.com/token")
GOOGLE_REVOKE_URL = env.str("GOOGLE_REVOKE_URL", default="https://oauth2.googleapis.com/revoke")
# CalDAV servers inside the organisation's own network, as host or host:port; all others have to be public, and on https.
CALDAV_PRIVATE_HOSTS = env.list("CALDAV_PRIVATE_HOSTS", default=[])
# Of any one calendar, by all workers together. Google allows 10.
CALENDAR_REQUESTS_PER_SECOND = env.float("CALENDAR_REQUESTS_PER_SECOND", default=8)
# Feeds, that is calendars which only subscribe: Google and others fetch those of many people from a few addresses.
FEED_READS_PER_ADDRESS = env.str("FEED_READS_PER_ADDRESS", default="3000/hour")
try:
    limits.parse(FEED_READS_PER_ADDRESS)
except ValueError as error:
    raise ImproperlyConfigured(f"FEED_READS_PER_ADDRESS: write it as 3000/hour. {error}") from error

# ------------------------------------------------------------------------- documents for signature

# The organisation's seal: a PKCS #12 file (certificate, its chain and key) and its passphrase. Without one, a certificate of
# its own making under DATA_DIR seals, which readers of PDFs show as "unknown".
SEALING_CERTIFICATE_FILE = env.str("SEALING_CERTIFICATE_FILE", default="")
SEALING_CERTIFICATE_PASSPHRASE = env.str("SEALING_CERTIFICATE_PASSPHRASE", default="")
# A timestamp authority (RFC 3161), asked for each seal; empty: none.
SEALING_TIMESTAMP_URL = env.str("SEALING_TIMESTAMP_URL", default="")
# Birth dates tried from one network address before signing.
BIRTH_DATES_PER_ADDRESS = env.str("BIRTH_DATES_PER_ADDRESS", default="30/hour")
try:
    limits.parse(BIRTH_DATES_PER_ADDRESS)
except ValueError as error:
    raise ImproperlyConfigured(f"BIRTH_DATES_PER_ADDRESS: write it as 30/hour. {error}") from error

# --------------------------------------------------------------------------------------- encryption

# "id:base64 of 32 bytes, id:…": the first key seals, all of them open. Ids are at most 16 characters.
DEVELOPMENT_KEY_RING = "dev:" + base64.urlsafe_b64encode(b"development-only-key-0123456789!").decode()
NOTE_KEY_RING = env.str("NOTE_KEY_RING", default=DEVELOPMENT_KEY_RING)

# --------------------------------------------------------------------------------- language and time

LANGUAGE_CODE = "en-us"
# Those of the customer portal: a further one is a line here and a catalogue under locale/.
LANGUAGES = [("en", "English"), ("es", "Español")]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 86_400
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = SECURE_COOKIES
LOCALE_PATHS = [BASE_DIR / "locale"]
# How a number without its country is read, as an ISO 3166 code.
PHONE_REGION = env.str("PHONE_REGION", default="US")
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --------------------------------------------------------------------------------------------- files

STATIC_URL = "/static/"
# Where `collectstatic` has put them; unset (development, tests), files are served from where they lie.
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "securecare.staticfiles.StaticFilesStorage"},
}
if STATIC_ROOT is None:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True

# ------------------------------------------------------------------------------------------- logging

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "securecare.logs.WithoutSecrets",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # The clients of providers write down numbers, texts and keys when they are asked for detail.
    "loggers": {
        name: {"level": "WARNING"}
        for name in (
            "caldav",
            "fontTools",
            "googleapiclient",
            "niquests",
            "oauthlib",
            "python_http_client",
            "requests_oauthlib",
            "twilio",
            "urllib3",
            "weasyprint",
        )
    }
    # What is wrong with a PDF is found and told by what reads it.
    | {"pyhanko": {"level": "ERROR"}},
}

if not DEBUG and SECURE_COOKIES and SECRET_KEY == DEVELOPMENT_SECRET:
    raise ImproperlyConfigured("Set SECRET_KEY: a site on https must not use the development secret.")
if not DEBUG and SECURE_COOKIES and NOTE_KEY_RING == DEVELOPMENT_KEY_RING:
    raise ImproperlyConfigured(
        "Set NOTE_KEY_RING: a site on https must not seal notes with the development key."
    )
