"""The embedded site: a contact list in one SQLite file with the rules of the Contacts API."""

from connectors.local.loading import read_contacts
from connectors.local.site import LocalSite

__all__ = ["LocalSite", "read_contacts"]
