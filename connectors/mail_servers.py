"""Asking name servers whether a domain takes mail."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from dns.exception import DNSException
from dns.resolver import Resolver
from email_validator import EmailNotValidError, caching_resolver
from email_validator.deliverability import validate_email_deliverability

from transforms.schema.errors import Unavailable

DOMAINS_AT_ONCE = 20
SECONDS = 5
NO_MAIL = "its domain does not exist or takes no mail"
UNKNOWN = "no name server answers for its domain"


def without_mail(domains: Iterable[str], *, resolver: Resolver | None = None) -> dict[str, str]:
    """The domains that take no mail, each with the reason.

    Args:
        domains: domains in ASCII.
        resolver: whom to ask; the machine's own name servers when not given.

    Raises:
        Unavailable: no name server answers for any of them.
    """
    wanted = sorted(set(domains))
    if not wanted:
        return {}
    try:
        asked = caching_resolver(timeout=SECONDS, dns_resolver=resolver)
    except DNSException as error:
        raise Unavailable("NO_DNS", "No name server is set on this machine: leave out --check-dns.") from error

    def answer(domain: str) -> str | None:
        try:
            answered = validate_email_deliverability(domain, domain, dns_resolver=asked)
        except EmailNotValidError:
            return NO_MAIL
        return UNKNOWN if answered.get("unknown-deliverability") else None

    with ThreadPoolExecutor(DOMAINS_AT_ONCE) as threads:
        answers = dict(zip(wanted, threads.map(answer, wanted), strict=True))
    if all(problem == UNKNOWN for problem in answers.values()):
        raise Unavailable("NO_DNS", "No name server answers: try again with a network, or leave out --check-dns.")
    return {domain: problem for domain, problem in answers.items() if problem}
