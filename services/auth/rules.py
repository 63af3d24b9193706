"""Rules for usernames, e-mail addresses and passwords; all faults are reported together."""

from __future__ import annotations

import re
from typing import Final

from email_validator import EmailNotValidError, validate_email

from engine.errors import Fault
from services.auth.guessable import weakness_of

USERNAME_LENGTH: Final = (3, 39)
PASSWORD_LENGTH: Final = (10, 256)
EMAIL_LENGTH: Final = 254


def account_faults(username: str, email: str, password: str) -> list[Fault]:
    """Everything wrong with the username, address and password of a new account."""
    return [*username_faults(username), *email_faults(email), *password_faults(password, username, email)]


def username_faults(username: str) -> list[Fault]:
    """Everything wrong with a username."""
    least, most = USERNAME_LENGTH
    faults = []
    if not least <= len(username) <= most:
        faults.append(f"has {len(username)} characters; {least} to {most} are allowed")
    if not re.fullmatch(r"[A-Za-z0-9._-]*", username):
        faults.append("may hold only letters a-z, digits, dots, dashes and underscores")
    if username and not re.match(r"[A-Za-z0-9]", username):
        faults.append("must begin with a letter or a digit")
    return [Fault("username", fault) for fault in faults]


def email_faults(email: str) -> list[Fault]:
    """Everything wrong with an e-mail address; its domain is not looked up."""
    if len(email) > EMAIL_LENGTH:
        return [Fault("email", f"has {len(email)} characters; at most {EMAIL_LENGTH} are allowed")]
    try:
        validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        return [Fault("email", str(error))]
    return []


def password_faults(password: str, username: str, email: str) -> list[Fault]:
    """Everything wrong with a new password. Length counts, not a mixture of classes (NIST SP 800-63B, 3.1.1.2)."""
    least, most = PASSWORD_LENGTH
    lowered = password.lower()
    faults = []
    if not least <= len(password) <= most:
        faults.append(f"has {len(password)} characters; {least} to {most} are allowed")
    if password and (weakness := weakness_of(password)) is not None:
        faults.append(weakness)
    for name, value in (("username", username), ("e-mail address", email.partition("@")[0])):
        if len(value) >= 3 and value.lower() in lowered:
            faults.append(f"must not contain the {name}")
    return [Fault("password", fault) for fault in faults]
