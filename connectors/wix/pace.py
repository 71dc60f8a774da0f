"""How fast a service is called: as fast as it lets us, and not faster."""

from __future__ import annotations

import time
from collections import deque

import anyio

BURST = 10
"""Calls that may go at once after a rest."""
SLOWEST = 0.2
"""Calls a second below which the pace never falls."""
PLAUSIBLE = 2.5
"""Calls a second that a service is taken to bear when too few were made to tell; 150 a minute."""


KEPT = 0.9
"""The share of its rate that is kept when the service refuses a call."""
WINDOW = 1.0
"""Seconds over which a service is taken to count: so long it may refuse what comes after too many calls."""


class Pace:
    """Lets calls go at a rate that falls when the service refuses one for being too many, and then rises slowly.

    The rate climbs along a cubic curve, as CUBIC's congestion window does (RFC 9438): quickly at first, flat around
    where it was refused, and on from there ever more boldly, since a refusal long past says little.

    A service that counts the calls of the last second goes on refusing until the first of them is a second old. So
    after a refusal no call goes until then, and what is refused in that time says nothing new.

    Args:
        most: calls a second never gone beyond; None goes without limit until the first refusal.
        recovery: seconds after which the rate is again where it was refused.
    """

    def __init__(self, most: float | None, recovery: float = 10.0) -> None:
        self._most = most
        self._recovery = recovery
        self._refused_rate: float | None = None
        self._refused_at = 0.0
        self._deaf_until = 0.0
        self._next = 0.0
        self._sent: deque[float] = deque(maxlen=10_000)

    def rate(self) -> float | None:
        """Calls a second now; None is without limit."""
        if self._refused_rate is None:
            return self._most
        since = (time.monotonic() - self._refused_at) / self._recovery
        risen = max(SLOWEST, self._refused_rate * (1 + (since - 1) ** 3 * (1 - KEPT)))
        return risen if self._most is None else min(risen, self._most)

    async def turn(self) -> float:
        """Waits until a call may go; returns when that was, for `refused`."""
        now, rate = time.monotonic(), self.rate()
        if rate is not None:
            self._next = max(self._next, now - BURST / rate)
        waiting = self._next - now
        if rate is not None:
            self._next += 1 / rate
        if waiting > 0:
            await anyio.sleep(waiting)
        sent = time.monotonic()
        self._sent.append(sent)
        return sent

    def refused(self, sent: float, retry_after: float = 0.0) -> None:
        """The service refused a call for being too many: the rate falls, once for all calls of a window.

        Args:
            sent: when the call went, as `turn` returned it.
            retry_after: seconds for which the service wants no calls at all.
        """
        now = time.monotonic()
        self._next = max(self._next, now + retry_after)
        if sent <= self._deaf_until:
            return
        lately = [one for one in self._sent if one > now - WINDOW]
        seen = max(PLAUSIBLE, len(lately) / WINDOW)
        rate = self.rate()
        self._refused_rate = seen if rate is None else min(seen, rate)
        self._refused_at = now
        drained = (lately[0] + 1.1 * WINDOW) if lately else now  # a little longer: the two clocks begin apart
        self._next = max(self._next, drained)
        self._deaf_until = max(now, drained)
