import re
from pathlib import Path

import pytest

from devstack.gateway import MissingGatewayValue, local_values, render, servers

TEMPLATE = (Path(__file__).parents[2] / "gateway" / "nginx.conf.template").read_text()


def test_placeholders_are_filled_in_and_nginx_variables_stay() -> None:
    filled = render("listen ${GATEWAY_LISTEN}; return 200 $request_id${request_id};", {"GATEWAY_LISTEN": "8000"})
    assert filled == "listen 8000; return 200 $request_id${request_id};"


def test_a_value_is_not_looked_into() -> None:
    assert render("${A}", {"A": "${B}\\1"}) == "${B}\\1"


def test_missing_values_are_named() -> None:
    with pytest.raises(MissingGatewayValue, match=r"needs CORE, LISTEN\.$"):
        render("${LISTEN} ${CORE} ${GIVEN}", {"GIVEN": "x"})


def test_the_local_values_are_the_templates(tmp_path: Path) -> None:
    values = local_values(prefix=tmp_path, listen="8000", public_url="", core=[], intelligence=[], chatgpt_app=[])
    assert values.keys() == set(re.findall(r"\$\{(\w+)\}", TEMPLATE))


def test_each_replica_is_tried_however_often_it_failed() -> None:
    assert servers(["10.0.0.1:1", "10.0.0.2:2"]) == "server 10.0.0.1:1 max_fails=0; server 10.0.0.2:2 max_fails=0;"
