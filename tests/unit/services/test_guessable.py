"""Passwords that are refused because a guesser tries them first, and those that are not."""

from __future__ import annotations

import secrets

import pytest

from services.auth.rules import password_faults

WEAK = [
    "password12",
    "Password1234",
    "P@ssw0rd123",
    "p4$$w0rd!!",
    "P@$$w0rd2024",
    "pa55word1234",
    "Passw0rd2024",
    "administrator",
    "administrator1",
    "qwertyuiop",
    "qwerty12345",
    "qwertzuiop1",
    "asdfghjkl;",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "q1w2e3r4t5y6",
    "1234qwerasdf",
    "abcdefghij",
    "zyxwvutsrq",
    "0987654321",
    "12345-67890",
    "98765432100",
    "aaaaaaaaaa",
    "1111111111",
    "1212121212",
    "abcabcabcabc",
    "abcd1234abcd1234",
    "aaaabbbbcccc",
    "passwordpassword",
    "trustno1trustno1",
    "hunter2hunter2",
    "adaadaadaada",
    "Dragon2024!",
    "football2025",
    "Football1!",
    "sunshine2024!!",
    "!!!princess!!!",
    "letmein!!!!",
    "letmein1234",
    "welcome1234",
    "changeme123",
    "iloveyou123",
    "iloveyousunshine",
    "iloveyoubaby",
    "superman2020",
    "michael1990",
    "monkey123456",
    "LessIsMore2026",
]

GOOD = [
    "correct horse battery",
    "a long pass phrase",
    "wet paint in march",
    "my dog has 3 legs",
    "I am planning lunch",
    "grünes Fahrrad am See",
    "мой кот ест рыбу",
    "Xk3!vq92Lmzp",
    "3f9a8b1c7d2e",
    "fhqwhgads-and-tea",
]


@pytest.mark.parametrize("password", WEAK)
def test_what_a_guesser_tries_first_is_refused(password: str) -> None:
    assert password_faults(password, "zed", "zed@example.com")


@pytest.mark.parametrize("password", GOOD)
def test_what_takes_long_to_guess_is_taken(password: str) -> None:
    assert password_faults(password, "zed", "zed@example.com") == []


def test_random_passwords_are_taken() -> None:
    refused = [text for _ in range(2000) if password_faults(text := secrets.token_urlsafe(9), "zed", "zed@example.com")]
    assert len(refused) <= 4


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("Password1234", "one of the first that a guesser tries"),
        ("qwertyuiop", "a sequence of the alphabet, the digits or the keyboard"),
        ("abcabcabcabc", "repeats 'abc' over and over"),
        ("zed and more", "must not contain the username"),
        ("short", "has 5 characters; 10 to 256 are allowed"),
    ],
)
def test_the_message_says_why(password: str, message: str) -> None:
    fault = password_faults(password, "zed", "q@example.com")[0]
    assert fault.path == "password"
    assert message in fault.message
