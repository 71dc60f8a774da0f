"""The API's answers that are errors, and the errors of the project they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transforms.schema.errors import (
    AlreadyChanged,
    Denied,
    Duplicate,
    NotFound,
    PreconditionFailed,
    Refused,
    SiteError,
    TooManyCalls,
    Unavailable,
    Violation,
)


def error_to_wire(error: SiteError) -> dict[str, Any]:
    """The body of an answer that is an error."""
    if error.violations:
        violations = [
            {
                "field": violation.field,
                "description": violation.description,
                "violatedRule": violation.rule,
                **({"data": {"threshold": violation.threshold}} if violation.threshold is not None else {}),
            }
            for violation in error.violations
        ]
        return {"message": str(error), "details": {"validationError": {"fieldViolations": violations}}}
    if error.status >= 500:
        return {"message": "", "details": {}}
    application = {"code": error.code, "description": str(error), "data": error.data}
    return {"message": str(error), "details": {"applicationError": application}}


_BY_STATUS: Mapping[int, type[SiteError]] = {
    401: Denied, 403: Denied, 404: NotFound, 428: PreconditionFailed, 429: TooManyCalls,
}  # fmt: skip
_BY_CODE: Mapping[str, type[SiteError]] = {
    "DUPLICATE_CONTACT_EXISTS": Duplicate,
    "DUPLICATE_CONTACT_EXIST": Duplicate,
    "CONTACT_ALREADY_CHANGED": AlreadyChanged,
    "CONTACT_NOT_FOUND": NotFound,
    "NOT_FOUND": NotFound,
    "FAILED_PRECONDITION": PreconditionFailed,
    "UNAUTHENTICATED": Denied,
    "PERMISSION_DENIED": Denied,
    "RESOURCE_EXHAUSTED": TooManyCalls,
}


def error_from_wire(
    status: int, body: object, request_id: str | None = None, retry_after: float | None = None
) -> SiteError:
    """The error of the project's tree that an answer means: by its application code, then by its status."""
    body = body if isinstance(body, Mapping) else {}
    details = body.get("details")
    details = details if isinstance(details, Mapping) else {}
    application, validation = details.get("applicationError"), details.get("validationError")
    message = str(body.get("message") or "")
    code, data, violations = "", {}, []
    if isinstance(application, Mapping):
        code = str(application.get("code") or "")
        message = str(application.get("description") or message)
        given = application.get("data")
        data = {str(name): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    elif isinstance(validation, Mapping):
        code = "INVALID_ARGUMENT"
        for violation in validation.get("fieldViolations") or ():
            threshold = (violation.get("data") or {}).get("threshold")
            violations.append(
                Violation(
                    str(violation.get("field", "")),
                    str(violation.get("description", "")),
                    str(violation.get("violatedRule", "OTHER")),
                    threshold if isinstance(threshold, int) else None,
                )
            )
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or (Unavailable if status >= 500 else Refused)
    return kind(
        code or f"HTTP_{status}",
        message or f"The site answered {status}.",
        data,
        violations=violations,
        status=status,
        request_id=request_id,
        retry_after=retry_after,
    )
