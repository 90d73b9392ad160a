"""The APIs do what their OpenAPI documents say, whatever is sent to them."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contracts.exploring import explore
from tests.live import Live

V1 = "/api/v1/openapi.json"


@pytest.mark.timeout(900)  # it takes what the machine has to give
def test_v1_does_what_it_documents(live: Live, tmp_path: Path) -> None:
    if found := explore(live, V1, tmp_path, examples=20, seed=1):
        pytest.fail(found, pytrace=False)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_v1_does_what_it_documents_at_length(live: Live, tmp_path: Path) -> None:
    """Five times over, each with another seed; Schemathesis keeps one processor busy, so each gets a run of its own."""

    def run(seed: int) -> str:
        folder = tmp_path / str(seed)
        folder.mkdir()
        return explore(live, V1, folder, examples=200, seed=seed)

    assert live.admin, "signed in once, before anybody asks at the same time"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        if found := "".join(pool.map(run, range(1, 6))):
            pytest.fail(found, pytrace=False)
