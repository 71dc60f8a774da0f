"""The embedded site over HTTP, in the Contacts API's own wire format."""

from connectors.server.app import make_app
from connectors.server.chaos import Chaos, Disturbance, read_chaos
from connectors.server.serving import running, serve
from connectors.server.webhooks import Webhook

__all__ = ["Chaos", "Disturbance", "Webhook", "make_app", "read_chaos", "running", "serve"]
