"""How webhooks are signed."""

from __future__ import annotations

import uuid
from pathlib import Path

from services.notifications.webhook import secret_of, signature
from services.settings import load_settings


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example in the tests of that specification's own libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_differ_by_user_nonce_and_platform(tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nowhere/none", "S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    here, there = (load_settings({**nowhere, **keys, "LIM_HOME": str(tmp_path / name)}) for name in ("a", "b"))
    ada, bob = uuid.uuid4(), uuid.uuid4()
    secrets = [secret_of(*each) for each in ((here, ada, "n"), (here, bob, "n"), (here, ada, "m"), (there, ada, "n"))]
    assert len(set(secrets)) == 4
    assert secret_of(here, ada, "n") == secrets[0]
