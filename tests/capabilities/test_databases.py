"""Whether a database server answers, by the address that SQLAlchemy takes."""

from __future__ import annotations

import socket

import pytest

from mlops_jupyter.capabilities.databases import knock
from mlops_jupyter.errors import Unavailable


def test_a_server_that_is_away_is_told_without_its_password():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for address in (
            f"ana:hunter2@127.0.0.1:{port}/db",
            f"ana:hun/ter2:x?#@127.0.0.1:{port}",
            f"127.0.0.1:{port}/db",
        ):
            with pytest.raises(Unavailable) as caught:
                knock(f"postgresql+psycopg2://{address}", 2)
            assert caught.value.message == "PostgreSQL at 127.0.0.1 did not answer: Connection refused"
        with pytest.raises(Unavailable):
            knock("mysql://h:99999/db", 2)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql:///db?host=/run/postgresql",
        "postgresql://ana:hunter2/x@h:port/db",
        "sqlite:////tmp/mlflow.db",
        "http://127.0.0.1:1",
    ],
)
def test_nothing_is_asked_where_there_is_no_such_address(uri):
    knock(uri, 2)


def test_one_that_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        knock(f"mysql+pymysql://ana:hunter2@127.0.0.1:{server.getsockname()[1]}/db", 2)
