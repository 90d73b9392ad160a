"""The APIs do what their OpenAPI documents say, whatever is sent to them."""

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
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 6))
def test_v1_does_what_it_documents_at_length(live: Live, tmp_path: Path, seed: int) -> None:
    if found := explore(live, V1, tmp_path, examples=200, seed=seed):
        pytest.fail(found, pytrace=False)
