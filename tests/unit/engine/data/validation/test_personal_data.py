from __future__ import annotations

import pytest

from engine.data.validation.personal_data import find_personal_data, is_luhn

GOOD = """four two seven
7 4 2
1 2 3 4 5 6 7 8 9 0
four one one one one one one one one one one one one one one one
in 1914-1918 he had 3.5 million and 1,234,567
version 1.2.3.4 is out
at 12:30:45 on 2024-01-15
the 5th avenue of the world
he came 21 and on the way
20 minutes on the road
two at five dot
one hundred 20 people way
9 of 10 drive
I have 3 drive units
a 4 lane highway
55 miles per hour road
3.14159265358979
4111 1111 1111 1112
300.1.2.3
http://example.com/about
версия 2.10.1.3
バージョン1.2.3.4
2024年10月15日下午3点30分
人口1380000人
от 1 000 000 до 2 000 000 рублей
он родился 12.05.1965 года
सन १९४७ में
عام ١٩٤٨
in the years (1941) 1945
1:2:3:4:5:6:7:8
a::b
""".strip().split("\n")


@pytest.mark.parametrize("text", GOOD)
def test_numbers_that_belong_to_nobody_raise_no_alarm(text: str) -> None:
    assert find_personal_data(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail me at ada.b@example.com", "an e-mail address"),
        ("call 555-123-4567", "a telephone number"),
        ("call (555) 123-4567 now", "a telephone number"),
        ("+49 171 1234567", "a telephone number"),
        ("020 7946 0958", "a telephone number"),
        ("01 23 45 67 89", "a telephone number"),
        ("card 4111 1111 1111 1111", "the number of a payment card (its check digit is right)"),
        ("5500-0000-0000-0004", "the number of a payment card (its check digit is right)"),
        ("3782 822463 10005", "the number of a payment card (its check digit is right)"),
        ("DE89 3704 0044 0532 0130 00", "a bank account (IBAN, its checksum is right)"),
        ("iban gb82west12345698765432 thanks", "a bank account (IBAN, its checksum is right)"),
        ("the host 192.168.1.17", "an IP address"),
        ("2001:db8::ff00:42:8329", "an IP address"),
        ("we saw 172.31.64.200", "an IP address"),
        ("IP-адрес 10.0.0.1", "an IP address"),
        ("服务器地址10.0.0.1", "an IP address"),
        ("open 10.0.0.1:8080", "an IP address"),
        ("आईपी १९२.१६८.१.१७", "an IP address"),
        ("번호는 010-1234-5678로", "a telephone number"),
        ("звоните 8 (912) 345-67-89", "a telephone number"),
        ("رقم ٠١٠١٢٣٤٥٦٧٨", "a telephone number"),
        ("邮箱是abc@example.com", "an e-mail address"),
        ("メールはｔａｒｏ＠example．jpです", "an e-mail address"),
        ("访问https://example.com/users/ada", "an address on the web with the name of a user"),
        ("卡号4111 1111 1111 1111", "the number of a payment card (its check digit is right)"),
        ("http://example.com/users/ada", "an address on the web with the name of a user"),
        ("https://ada:pw@example.com/", "an address on the web with the name of a user"),
        ("github.com/ada", "an address on the web with the name of a user"),
        ("078-05-1120", "a social security number"),
    ],
)
def test_personal_data_is_found(text: str, kind: str) -> None:
    found = find_personal_data(text)
    assert found is not None
    assert (found.kind, found.certainty) == (kind, "certain")
    assert len(found.shown) == 3  # the report does not repeat it


@pytest.mark.parametrize(
    "text",
    ["he lives at 42 Oak Street", "Hauptstraße 12", "12 rue de la Paix", "1600 Pennsylvania Avenue", "P.O. Box 123",
     "42 Wallaby Way", "Calle Mayor 5", "17 east main st", "5551234567", "ask @ada_b",
     "ada dot b at example dot com", "Siehe Abschnitt 3.2.1.1 des Buches", "Das steht in Kapitel 1.2.3.4",
     "см. раздел 3.2.1.1 о серверах", "voir chapitre 4.2.1.3", "第1.2.3.4章", "अध्याय १.२.३.४", "Artikel 3.2.1.45",
     "电话13812345678", "8-912-345-67-89", "98765 43210", "ivan собака mail точка ру", "улица Ленина, дом 5", "中山路123号"],
)  # fmt: skip
def test_what_only_looks_like_it_is_possible(text: str) -> None:
    found = find_personal_data(text)
    assert found is not None
    assert found.certainty == "possible"


def test_check_digits() -> None:
    assert [is_luhn(digits) for digits in ("79927398713", "79927398710", "0")] == [True, False, True]
