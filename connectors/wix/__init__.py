"""A contact list behind the Contacts API: the Wix site, or a server that speaks as it does."""

from connectors.wix.pace import Pace
from connectors.wix.site import WixSite
from connectors.wix.transport import Patience

__all__ = ["Pace", "Patience", "WixSite"]
