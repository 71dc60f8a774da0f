"""The official JavaScript SDK works against the server, unchanged but for the host its `fetch` goes to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

SDK = Path(__file__).parents[1] / "node"


def missing() -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (SDK / "node_modules" / "@wix" / "crm").is_dir():
        return "the SDK is not installed: make node"
    return None


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_every_call_of_the_sdk_is_answered_as_the_service_answers_it(served: Callable[..., str]) -> None:
    url = served("--api-key", "a-key", "--seed")
    member = {
        "id": "a-member",
        "info": {"name": {"first": "Grace"}},
        "memberInfo": {"memberId": "m", "status": "ACTIVE"},
    }
    headers = {"Authorization": "a-key", "wix-site-id": "a-site"}
    assert httpx.post(f"{url}/onefold/seed", json=[member], headers=headers).json() == {"planted": 1}

    done = subprocess.run(
        ["node", "drive.mjs"],
        cwd=SDK,
        env={**os.environ, "BASE_URL": url, "API_KEY": "a-key"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 12
