"""Which object store the environment describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import StorageSettingsError
from cluster.storage.client import make_client, parse_s3_uri, presigned_get, presigned_put
from cluster.storage.settings import S3Settings

WHOLE = {
    "S3_ENDPOINT_URL": "http://127.0.0.1:9000",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "very-secret",
    "AWS_REGION": "eu-west-1",
    "LIM_BUCKET": "speech",
    "LIM_HOME": "/tmp/lim",
}


def test_everything_from_the_environment() -> None:
    settings = S3Settings.from_environment(WHOLE)
    assert settings.endpoint_url == "http://127.0.0.1:9000"
    assert (settings.region, settings.bucket, settings.home) == ("eu-west-1", "speech", Path("/tmp/lim"))


def test_another_process_reads_the_same() -> None:
    settings = S3Settings.from_environment(WHOLE)
    assert S3Settings.from_environment({**settings.environment(), "LIM_HOME": "/tmp/lim"}) == settings


def test_the_secret_is_not_shown() -> None:
    assert "very-secret" not in repr(S3Settings.from_environment(WHOLE))


def test_nothing_set_stands_for_the_embedded_server() -> None:
    settings = S3Settings.from_environment({})
    assert settings.endpoint_url is None
    assert settings.bucket == "less-is-more"
    assert settings.home == Path.home() / ".less-is-more"
    with pytest.raises(StorageSettingsError, match="set S3_ENDPOINT_URL, or start the embedded server first"):
        make_client(settings)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"S3_ENDPOINT_URL": "127.0.0.1:9000"},
            "S3_ENDPOINT_URL is '127.0.0.1:9000'; give an address such as https://",
        ),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY is not set, but the other half"),
        ({"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID is not set, but the other half"),
        ({"LIM_BUCKET": "Speech_1"}, "LIM_BUCKET is 'Speech_1'; a bucket's name has 3 to 63"),
    ],
)
def test_faults_say_what_to_do(changed: dict[str, str], message: str) -> None:
    with pytest.raises(StorageSettingsError, match=message):
        S3Settings.from_environment(WHOLE | changed)


def test_uris() -> None:
    assert parse_s3_uri("s3://bucket/a/b.zip") == ("bucket", "a/b.zip")
    assert parse_s3_uri("s3://bucket/a/") == ("bucket", "a")
    assert parse_s3_uri("s3://bucket") == ("bucket", "")
    for wrong in ("/a/b", "http://bucket/a", "s3:///a", "s3:/bucket"):
        with pytest.raises(StorageSettingsError, match="s3://bucket/key"):
            parse_s3_uri(wrong)


def test_signed_addresses_name_the_object_and_expire() -> None:
    client = make_client(S3Settings.from_environment(WHOLE))
    put = presigned_put(client, "speech", "uploads/a b.zip", 3, 60)
    get = presigned_get(client, "speech", "adapter/x", 60, "adapter.zip")
    assert put.startswith("http://127.0.0.1:9000/speech/uploads/a%20b.zip?")
    assert "X-Amz-Expires=60" in put
    assert "very-secret" not in put
    assert "response-content-disposition=attachment" in get
