"""Flows, commands and the engine, and their settings."""

import os

# Prefect reads these when it is imported, so they are set before anything here can import it. With an API of one's own
# configured, its logging is left alone; a temporary server's log is nobody's business, and errors reach the caller.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
if not os.environ.get("PREFECT_API_URL"):
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "CRITICAL")
