"""Pace of calls: as fast as the service allows, and not faster."""

from __future__ import annotations

import math
import time
from collections import deque

import anyio

BURST = 10
"""Calls that may go at once after a rest."""
SLOWEST = 0.2
"""Calls a second below which the pace never falls."""
PLAUSIBLE = 2.5
"""Calls a second that a service is taken to bear when too few were made to tell; 150 a minute."""
RATE_KEPT = 0.95
"""The share of its rate that is kept when the service refuses a call."""
WINDOW = 1.0
"""Seconds over which a service is taken to count: so long it may refuse what comes after too many calls."""


class Pace:
    """Lets calls go at a rate that falls when the service refuses one for being too many, and then rises slowly.

    The rate climbs along a cubic curve, as CUBIC's congestion window does (RFC 9438): quickly at first, flat around
    where it was refused, and on from there ever more boldly, since a refusal long past says little.

    A service is taken to count the calls of the last second. So of these there are never more than the rate, even when
    calls come late and others catch up; and after a refusal none goes until enough of them are a second old.

    Args:
        most: calls a second never gone beyond; None goes without limit until the first refusal.
        recovery: seconds after which the rate is again where it was refused.
    """

    def __init__(self, most: float | None, recovery: float = 5.0) -> None:
        self._most = most
        self._recovery = recovery
        self._refused_rate: float | None = None
        self._refused_at = 0.0
        self._next = 0.0
        self._turn = anyio.Lock()
        self._sent: deque[float] = deque(maxlen=10_000)

    def rate(self) -> float | None:
        """Calls a second now; None is without limit."""
        if self._refused_rate is None:
            return self._most
        since = (time.monotonic() - self._refused_at) / self._recovery
        risen = max(SLOWEST, self._refused_rate * (1 + (since - 1) ** 3 * (1 - RATE_KEPT)))
        return risen if self._most is None else min(risen, self._most)

    async def turn(self) -> float:
        """Waits until a call may go; returns when that was, for `refused`."""
        async with self._turn:
            while (waiting := self._free_at() - time.monotonic()) > 0:
                await anyio.sleep(waiting)
            sent, rate = time.monotonic(), self.rate()
            if rate is not None:
                self._next = max(self._next, sent - BURST / rate) + 1 / rate
            self._sent.append(sent)
            return sent

    def _free_at(self) -> float:
        """When the next call may go."""
        rate = self.rate()
        if rate is None:
            return self._next
        in_window = math.ceil(rate * WINDOW)
        full = len(self._sent) >= in_window
        return max(self._next, self._sent[-in_window] + WINDOW) if full else self._next

    def refused(self, sent: float, retry_after: float = 0.0) -> None:
        """The service refused a call for being too many: the rate falls, once for all calls that were under way.

        Args:
            sent: when the call went, as `turn` returned it.
            retry_after: seconds for which the service wants no calls at all.
        """
        now = time.monotonic()
        self._next = max(self._next, now + retry_after)
        self._sent = deque((moment for moment in self._sent if moment != sent), self._sent.maxlen)
        if sent <= self._refused_at:
            return
        lately = sum(moment > now - WINDOW for moment in self._sent)
        seen = max(PLAUSIBLE, lately / WINDOW)
        rate = self.rate()
        self._refused_rate = seen if rate is None else min(seen, rate)
        self._refused_at = now
