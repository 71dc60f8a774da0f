"""How fast a service is called: as fast as it lets us, and not faster."""

from __future__ import annotations

import time
from collections import deque

import anyio

BURST = 10
"""Calls that may go at once after a rest."""
SLOWEST = 0.2
"""Calls a second below which the pace never falls."""


class Pace:
    """Lets calls go at a rate that halves when the service refuses one for being too many, and rises slowly after.

    After a refusal the rate climbs back quickly to nine tenths of where it was refused, and from there by a hundredth
    a second.

    Args:
        most: calls a second never gone beyond; None goes without limit until the first refusal.
    """

    def __init__(self, most: float | None) -> None:
        self._most = most
        self.rate = most
        """Calls a second now; None is without limit."""
        self._ceiling = most or 0.0
        self._next = 0.0
        self._sent: deque[float] = deque(maxlen=10_000)
        self._slowed = 0.0

    async def turn(self) -> float:
        """Waits until a call may go; returns when that was, for `refused`."""
        now = time.monotonic()
        if self.rate is not None:
            self._next = max(self._next, now - BURST / self.rate)
            waiting = self._next - now
            self._next += 1 / self.rate
        else:
            waiting = self._next - now
        if waiting > 0:
            await anyio.sleep(waiting)
        sent = time.monotonic()
        self._sent.append(sent)
        return sent

    def taken(self) -> None:
        """The service took a call: the rate rises."""
        if self.rate is None:
            return
        share = 0.2 if self.rate < 0.9 * self._ceiling else 0.01
        risen = self.rate + share * self._ceiling / self.rate
        self.rate = risen if self._most is None else min(risen, self._most)

    def refused(self, sent: float, retry_after: float | None) -> None:
        """The service refused a call for being too many: the rate halves, once for all calls under way.

        Args:
            sent: when the call went, as `turn` returned it.
            retry_after: seconds for which the service wants no calls at all.
        """
        now = time.monotonic()
        if retry_after is not None:
            self._next = max(self._next, now + retry_after)
        if sent <= self._slowed:
            return
        self._slowed = now
        rate = self.rate or float(max(1, sum(one > now - 1 for one in self._sent)))
        self._ceiling = rate
        self.rate = max(rate / 2, SLOWEST)
        self._next = max(self._next, now)
