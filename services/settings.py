"""Settings of the services: read once from the environment, frozen, passed down."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cluster.errors import StorageSettingsError
from cluster.storage.settings import S3Settings
from cluster.storage.settings import lim_home as lim_home
from services.errors import SettingsError
from services.observability.logs import LogFormat

LEAST_SECRET_LENGTH = 32
PAGE_FOLDER = Path(__file__).resolve().parents[1] / "build" / "page"
MIB = 2**20


def _separated(value: Any) -> Any:
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _trusted(value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() in {"0", "false", "no", "off"}:
        return ()
    if isinstance(value, str) and value.strip().lower() in {"1", "true", "yes", "on"}:
        return ("0.0.0.0/0", "::/0")
    return _separated(value)


Listed = Annotated[tuple[str, ...], BeforeValidator(_separated)]


class Settings(BaseModel):
    """Settings of the services. Its representation hides secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    environment: Literal["development", "production"] = "development"
    """`LIM_ENVIRONMENT`: `production` rejects generated secrets."""
    home: Path
    """`LIM_HOME`: folder of the embedded services and the development secret."""
    database_url: Annotated[str, Field(repr=False)]
    """`DATABASE_URL`: PostgreSQL, as `postgresql+asyncpg://...`."""
    secret_key: SecretStr
    """`LIM_SECRET_KEY`: signs access tokens; at least 32 characters."""
    s3: S3Settings
    """`S3_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `LIM_BUCKET`: object storage."""
    public_url: str | None = None
    """`LIM_PUBLIC_URL`: address at which clients reach the API, if it is not the address that it listens on."""
    trust_forwarded_for: Annotated[tuple[str, ...], BeforeValidator(_trusted)] = ()
    """`LIM_TRUST_FORWARDED_FOR`: networks of your own proxies in front of the API, such as `10.1.0.5/32`, separated by
    commas; `true`: any. For requests from there, the client's address is the last entry of X-Forwarded-For, and
    connections are not limited; the header is ignored in all other requests."""
    connections_per_address: PositiveInt = 512
    """`LIM_CONNECTIONS_PER_ADDRESS`: maximum number of connections that HAProxy accepts per IPv4 address or IPv6 /64
    network; never more than a quarter of its total. Many people behind one router share an address."""
    requests_per_address: PositiveInt = 64
    """`LIM_REQUESTS_PER_ADDRESS`: maximum number of requests in progress that HAProxy accepts per address, an eighth of it
    while all addresses together have twice as many. Event streams do not count."""
    requests_per_login: PositiveInt = 16
    """`LIM_REQUESTS_PER_LOGIN`: maximum number of requests in progress that HAProxy accepts with one access token or API
    key, from whatever addresses. Event streams do not count."""

    page: bool = True
    """`LIM_PAGE`: whether the API serves the web page, and `lim up` builds it first when its sources have changed."""
    page_folder: Path = PAGE_FOLDER
    """`LIM_PAGE_FOLDER`: folder of the built web page; an image of the platform carries it. `lim up` builds only the
    default, `build/page` beside the sources."""

    log_format: LogFormat = "json"
    """`LIM_LOG_FORMAT`: log format of the API and the hub: `json`, one object per line, or `text`."""

    api_replicas: PositiveInt | None = None
    """`LIM_API_REPLICAS`: processes that answer requests, about 210 MB each. Unset: two, or one on a machine with one
    processor. If one of two dies, the other takes over immediately; a single one restarts, which takes about 10 s."""

    access_token_s: PositiveInt = 900
    """`LIM_ACCESS_TOKEN_S`: lifetime of an access token, in seconds."""
    refresh_token_s: PositiveInt = 30 * 86400
    """`LIM_REFRESH_TOKEN_S`: lifetime of a refresh token, in seconds; each refresh starts a new one."""
    refresh_grace_s: Annotated[int, Field(ge=0, le=60)] = 20
    """`LIM_REFRESH_GRACE_S`: seconds in which a used refresh token may be sent again, as two tabs of a browser do; later
    reuse ends the login. 0: not at all; at most 60."""
    password_reset_s: PositiveInt = 86400
    """`LIM_PASSWORD_RESET_S`: lifetime of a password reset token, in seconds."""
    api_key_s: PositiveInt = 90 * 86400
    """`LIM_API_KEY_S`: lifetime of an API key that is created without an expiry, in seconds."""
    max_api_key_s: PositiveInt = 365 * 86400
    """`LIM_MAX_API_KEY_S`: longest lifetime of an API key that a user may choose, in seconds."""
    login_attempts: PositiveInt = 10
    """`LIM_LOGIN_ATTEMPTS`: failed logins per account and address before 429."""
    login_attempts_per_address: PositiveInt = 100
    """`LIM_LOGIN_ATTEMPTS_PER_ADDRESS`: failed logins per address, for any account, before 429."""
    login_attempts_per_account: PositiveInt = 20
    """`LIM_LOGIN_ATTEMPTS_PER_ACCOUNT`: failed logins per account and day from all addresses without an earlier login
    to it; then one more every `LIM_LOGIN_WINDOW_S`. Known addresses are not affected."""
    login_window_s: PositiveInt = 300
    """`LIM_LOGIN_WINDOW_S`: length of the window in which attempts are counted, in seconds."""
    signups_per_address: PositiveInt = 100
    """`LIM_SIGNUPS_PER_ADDRESS`: sign-up attempts per address and hour; a class behind one router shares an address."""
    refreshes_per_address: PositiveInt = 600
    """`LIM_REFRESHES_PER_ADDRESS`: refreshes and logouts per address within `LIM_LOGIN_WINDOW_S`."""
    refreshes_per_login: PositiveInt = 120
    """`LIM_REFRESHES_PER_LOGIN`: refreshes of one login within `LIM_LOGIN_WINDOW_S`; each tab of a browser makes one
    whenever it is loaded."""

    max_json_bytes: PositiveInt = MIB
    """`LIM_MAX_JSON_BYTES`: largest JSON body, in bytes."""
    body_s: PositiveFloat = 60.0
    """`LIM_BODY_S`: time limit for receiving a JSON body, in seconds; the largest one then needs 17 kB/s."""
    streams_per_user: PositiveInt = 64
    """`LIM_STREAMS_PER_USER`: maximum number of open event streams per user in each API process."""
    streams_per_address: PositiveInt = 256
    """`LIM_STREAMS_PER_ADDRESS`: maximum number of open event streams per IPv4 address or IPv6 /64 network in each API
    process."""
    max_upload_bytes: PositiveInt = 20 * 1024 * MIB
    """`LIM_MAX_UPLOAD_BYTES`: largest uploaded file, in bytes."""
    upload_part_bytes: Annotated[int, Field(ge=5 * MIB, le=5 * 1024 * MIB)] = 32 * MIB
    """`LIM_UPLOAD_PART_BYTES`: larger files are uploaded in parts of this size, in bytes. An interrupted upload repeats at
    most the parts that were on their way."""
    max_upload_files: Annotated[int, Field(ge=1, le=1000)] = 16
    """`LIM_MAX_UPLOAD_FILES`: maximum number of files in one upload, at most 1,000."""
    import_s: PositiveInt = 3600
    """`LIM_IMPORT_S`: time limit for fetching a dataset from an address, in seconds."""
    import_least_bytes_per_s: NonNegativeInt = 10_000
    """`LIM_IMPORT_LEAST_BYTES_PER_S`: minimum rate of a server, averaged over a minute; a slower fetch fails. 0: no
    minimum."""
    import_slots: PositiveInt = 4
    """`LIM_IMPORT_SLOTS`: maximum number of datasets fetched in parallel; one user gets at most all but one slot."""
    dataset_slots: PositiveInt = 2
    """`LIM_DATASET_SLOTS`: maximum number of datasets processed in parallel, each in its own process; one user gets at
    most all but one slot."""
    dataset_memory_bytes: Annotated[int, Field(ge=512 * MIB)] = 4 * 1024 * MIB
    """`LIM_DATASET_MEMORY_BYTES`: memory limit for processing a dataset, in bytes."""
    dataset_cpu_s: PositiveInt = 900
    """`LIM_DATASET_CPU_S`: limit of processor time for processing a dataset, in seconds, before the allowance for its
    size."""
    dataset_cpu_s_per_mib: NonNegativeInt = 30
    """`LIM_DATASET_CPU_S_PER_MIB`: additional processor seconds for each MiB of the source."""
    dataset_wall_s: PositiveInt = 6 * 3600
    """`LIM_DATASET_WALL_S`: time limit for processing a dataset, in seconds."""
    import_networks: Listed = ()
    """`LIM_IMPORT_NETWORKS`: non-public networks from which datasets may be fetched, such as `10.1.0.0/16`; separated
    by commas."""
    webhook_networks: Listed = ()
    """`LIM_WEBHOOK_NETWORKS`: non-public networks in which users' webhooks may be; separated by commas."""
    import_buckets: Listed = ()
    """`LIM_IMPORT_BUCKETS`: buckets of the object store from which every user may import datasets; separated by
    commas."""
    max_item_s: Annotated[float, Field(gt=0.0, le=3600.0)] = 300.0
    """`LIM_MAX_ITEM_S`: the largest `limits.max_item_s` that a user may set for a dataset: its longest recording, in
    seconds."""
    keep_sources_s: NonNegativeInt | None = None
    """`LIM_KEEP_SOURCES_S`: how long a dataset's source files are kept after its newest version was made, in seconds;
    further versions are made from them. Unset: as long as the dataset; 0: not at all."""
    object_urls: Literal["api", "store"] = "api"
    """`LIM_OBJECT_URLS`: where pre-signed URLs of uploads and downloads point: `api`, to `/objects/` of the API's own
    address, or `store`, to the object store, which clients must then reach, and which must allow browsers of the API's
    origin (CORS)."""
    upload_url_s: PositiveInt = 3600
    """`LIM_UPLOAD_URL_S`: lifetime of a pre-signed upload address, in seconds."""
    download_url_s: PositiveInt = 3600
    """`LIM_DOWNLOAD_URL_S`: lifetime of a pre-signed download address, in seconds."""

    max_running_jobs: PositiveInt | None = None
    """`LIM_MAX_RUNNING_JOBS`: maximum number of running jobs; unset: as many as fit the cluster's CPUs and GPUs."""
    max_running_jobs_per_user: PositiveInt | None = None
    """`LIM_MAX_RUNNING_JOBS_PER_USER`: maximum number of running jobs per user; unset: as many as fit, but at most half
    of the cluster (at least one job) while other users wait."""
    yield_after_s: PositiveFloat | None = 60.0
    """`LIM_YIELD_AFTER_S`: waiting time, in seconds, after which a queued job preempts a job of another user who takes
    more than half of the cluster; the preempted job saves a checkpoint and is queued again."""
    least_cpus_per_worker: Annotated[float, Field(ge=0.01, le=64.0)] = 1.0
    """`LIM_LEAST_CPUS_PER_WORKER`: minimum number of CPUs that a job's worker may reserve. A computing process keeps
    one CPU busy; lower values let jobs of several users share it."""
    storage_bytes_per_user: PositiveInt | None = 100 * 1024 * MIB
    """`LIM_STORAGE_BYTES_PER_USER`: object storage quota per user, in bytes: datasets with their versions and sources,
    uploads in progress, checkpoints, adapters, bundles."""
    storage_bytes: PositiveInt | None = None
    """`LIM_STORAGE_BYTES`: quota of all users together, in bytes; unset: as much as the store holds."""
    max_bundle_bytes: PositiveInt = 2 * 1024 * MIB
    """`LIM_MAX_BUNDLE_BYTES`: maximum total size of a job's files that can be downloaded as one bundle, in bytes."""
    max_unfinished_jobs_per_user: PositiveInt = 5000
    """`LIM_MAX_UNFINISHED_JOBS_PER_USER`: maximum number of queued and running jobs per user."""
    keep_checkpoints_s: NonNegativeInt = 7 * 86400
    """`LIM_KEEP_CHECKPOINTS_S`: how long the checkpoints of a job are kept after it has succeeded, in seconds. Those of
    jobs that were stopped or failed stay, because they can be resumed."""
    keep_notifications_s: NonNegativeInt = 30 * 86400
    """`LIM_KEEP_NOTIFICATIONS_S`: how long a notification is kept after it has been read, in seconds; unread ones are
    kept for a year."""
    webhook_give_up_s: PositiveInt = 86400
    """`LIM_WEBHOOK_GIVE_UP_S`: how long a failing webhook delivery is retried, in seconds."""
    webhook_retry_s: PositiveFloat = 10.0
    """`LIM_WEBHOOK_RETRY_S`: seconds before the first retry; the delay doubles for each further one, up to an hour."""
    cpu_hour_price: NonNegativeFloat = 0.0
    """`LIM_CPU_HOUR_PRICE`: price of a CPU hour; 0: no cost is shown."""
    gpu_hour_price: NonNegativeFloat = 0.0
    """`LIM_GPU_HOUR_PRICE`: price of a GPU hour; 0: no cost is shown."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """`LIM_CURRENCY`: currency of the prices, as an ISO 4217 code."""
    job_attempts: PositiveInt = 3
    """`LIM_JOB_ATTEMPTS`: submissions of a job whose driver dies before it counts as failed."""
    stop_grace_s: PositiveFloat = 10.0
    """`LIM_STOP_GRACE_S`: seconds between the stop flag and the end of the driver."""
    dataset_attempts: PositiveInt = 3
    """`LIM_DATASET_ATTEMPTS`: attempts to process a dataset."""
    reconcile_s: PositiveFloat = 1.0
    """`LIM_RECONCILE_S`: seconds between two rounds over queued and running work."""
    database_pool: PositiveInt = 20
    """`LIM_DATABASE_POOL`: maximum number of connections per process to PostgreSQL."""

    @field_validator("import_networks", "webhook_networks", "trust_forwarded_for")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks


_FROM_ENVIRONMENT = {
    name: f"LIM_{name.upper()}"
    for name in Settings.model_fields
    if name not in {"environment", "home", "database_url", "secret_key", "s3"}
}


def load_settings(
    environ: Mapping[str, str] | None = None, *, database_url: str | None = None, s3: S3Settings | None = None
) -> Settings:
    """Read the settings from the environment; `database_url` and `s3` (of embedded servers) override it.

    Raises:
        SettingsError: no database, no secret in production, or invalid values; names each variable.
    """
    environ = os.environ if environ is None else environ
    environment = environ.get("LIM_ENVIRONMENT") or "development"
    home = lim_home(environ)
    url = database_url or environ.get("DATABASE_URL")
    if not url:
        raise SettingsError(
            "DATABASE_URL is not set: give postgresql://user:password@host/database, or start the platform with "
            "`lim up`, which runs a PostgreSQL of its own"
        )
    values: dict[str, Any] = {
        field: environ[variable] for field, variable in _FROM_ENVIRONMENT.items() if environ.get(variable)
    }
    try:
        return Settings(
            environment=environment,
            home=home,
            database_url=asyncpg_url(url),
            secret_key=SecretStr(_secret_key(environ, environment, home)),
            s3=s3 or S3Settings.from_environment(environ),
            **values,
        )
    except StorageSettingsError as error:
        raise SettingsError(str(error)) from error
    except ValidationError as error:
        faults = "; ".join(
            f"{_FROM_ENVIRONMENT.get(str(item['loc'][0]), 'LIM_ENVIRONMENT')}: {item['msg']}, found {item['input']!r}"
            for item in error.errors(include_url=False)
        )
        raise SettingsError(f"settings that cannot be read: {faults}") from None


def serves_page(environ: Mapping[str, str]) -> bool:
    """Whether these variables leave the web page on; for those who must know it before there are settings."""
    return environ.get("LIM_PAGE", "").strip().lower() not in {"0", "false", "no", "off", "f", "n"}


def asyncpg_url(url: str) -> str:
    """A PostgreSQL address for SQLAlchemy's asyncpg dialect; accepts plain `postgres://` and `postgresql://`.

    Raises:
        SettingsError: not an address, or that of another database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("DATABASE_URL is not an address; write postgresql://user:password@host/database") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(f"DATABASE_URL names {parsed.drivername}; only postgresql:// is supported")
    return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _secret_key(environ: Mapping[str, str], environment: str, home: Path) -> str:
    key = environ.get("LIM_SECRET_KEY")
    if key:
        if len(key) < LEAST_SECRET_LENGTH:
            raise SettingsError(
                f"LIM_SECRET_KEY has {len(key)} characters; give at least {LEAST_SECRET_LENGTH} random ones, "
                'such as from python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        return key
    if environment == "production":
        raise SettingsError("LIM_SECRET_KEY is not set; production needs one of at least 32 random characters")
    return _development_secret(home / "secret_key")


def _development_secret(path: Path) -> str:
    """The secret in the file `path`, generated if missing; concurrent processes agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # fails if another process was first; never half a file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text(encoding="ascii").strip()
    if len(key) < LEAST_SECRET_LENGTH:
        raise SettingsError(f"{path} holds {len(key)} characters; delete it, and a new secret is generated")
    return key
