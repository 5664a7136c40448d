FROM python:3.11-slim AS packages
COPY requirements-production.lock /tmp/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements-production.lock

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/staticfiles
# What WeasyPrint draws the text of PDFs with.
RUN apt-get update && apt-get install -y --no-install-recommends \
      libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core fonts-liberation && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home securecare
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
# Collecting files reads no secret and no database; the image carries neither.
RUN python manage.py collectstatic --noinput --verbosity 0
USER securecare
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "8", "--no-ws", "securecare.wsgi:application"]
