"""Files in the encodings of the world: read as what they are, or refused, never with wrong letters."""

from __future__ import annotations

import random

import pytest

from engine.data.text_encoding import UnclearEncodingError, decode, decode_head, is_unicode

SENTENCES = {
    "Arabic": ("الطقس جميل جدا اليوم", "اشترى أمس ثلاثة كتب جديدة", "من فضلك افتح النافذة"),
    "Bulgarian": ("днес времето е много хубаво", "той купи три нови книги", "моля отворете прозореца"),
    "Chinese": ("今天天气很好", "他昨天买了三本新书", "请打开窗户"),
    "Croatian": ("danas je vrlo lijepo vrijeme", "jučer je kupio tri nove knjige", "žurno otvorite prozor"),
    "Czech": ("dnes je velmi hezké počasí", "včera koupil tři nové knihy", "otevřete prosím okno"),
    "Danish": ("i dag er vejret meget smukt", "han købte tre nye bøger på torvet", "åbn venligst vinduet"),
    "Finnish": ("tänään on erittäin kaunis sää", "hän osti kolme uutta kirjaa", "avatkaa ikkuna ystävällisesti"),
    "French": ("il a acheté trois livres hier", "où est la bibliothèque", "ça ne fait rien, c'est très bien"),
    "German": ("heute ist das wetter schön", "er kaufte gestern drei neue bücher", "öffnen sie das fenster"),
    "Greek": ("σήμερα ο καιρός είναι πολύ καλός", "χθες αγόρασε τρία βιβλία", "παρακαλώ ανοίξτε το παράθυρο"),
    "Hebrew": ("היום מזג האוויר יפה מאוד", "אתמול הוא קנה שלושה ספרים", "בבקשה פתח את החלון"),
    "Hungarian": ("ma nagyon szép idő van", "tegnap vett három új könyvet", "kérem nyissa ki az ablakot"),
    "Italian": ("perché non è venuto", "la città è molto bella", "più tardi andrò a casa"),
    "Japanese": ("今日はとても良い天気です", "彼は昨日三冊の新しい本を買いました", "窓を開けてください"),
    "Kazakh": ("бүгін ауа райы өте жақсы", "ол кеше үш жаңа кітап сатып алды", "терезені ашыңызшы"),
    "Korean": ("오늘 날씨가 매우 좋습니다", "그는 어제 새 책 세 권을 샀다", "창문을 열어 주세요"),
    "Latvian": ("šodien ir ļoti jauks laiks", "vakar viņš nopirka trīs jaunas grāmatas", "lūdzu atveriet logu"),
    "Polish": ("dzisiaj jest bardzo ładna pogoda", "wczoraj kupił trzy nowe książki", "proszę otworzyć okno"),
    "Portuguese": ("amanhã não vou à escola", "ele comprou três livros", "a televisão está ligada"),
    "Russian": ("сегодня очень хорошая погода", "вчера он купил три новые книги", "откройте пожалуйста окно"),
    "Spanish": ("mañana por la mañana", "él compró tres libros", "¿dónde está la estación?"),
    "Swedish": ("idag är vädret mycket fint", "han köpte tre nya böcker", "öppna fönstret är du snäll"),
    "Taiwanese": ("今天天氣很好", "他昨天買了三本新書", "請打開窗戶"),
    "Thai": ("วันนี้อากาศดีมาก", "เมื่อวานเขาซื้อหนังสือสามเล่ม", "กรุณาเปิดหน้าต่าง"),
    "Turkish": ("bugün hava çok güzel", "dün üç yeni kitap aldı", "lütfen pencereyi açın kapıyı değil"),
    "Ukrainian": ("сьогодні дуже гарна погода", "він купив три нові книжки", "відчиніть будь ласка вікно"),
}
CODE_PAGES = {
    "Arabic": ("cp1256", "iso8859-6"),
    "Bulgarian": ("cp1251", "iso8859-5"),
    "Chinese": ("gbk", "gb18030"),
    "Croatian": ("cp1250",),
    "Czech": ("cp1250", "iso8859-2"),
    "Danish": ("cp1252",),
    "Finnish": ("cp1252", "latin-1"),
    "French": ("cp1252", "mac-roman", "iso8859-15", "cp850"),
    "German": ("cp1252", "latin-1", "mac-roman", "cp850"),
    "Greek": ("cp1253", "iso8859-7"),
    "Hebrew": ("cp1255", "iso8859-8"),
    "Hungarian": ("cp1250", "iso8859-2"),
    "Italian": ("cp1252", "mac-roman"),
    "Japanese": ("shift_jis", "cp932", "euc_jp", "iso2022_jp"),
    "Kazakh": ("kz1048",),
    "Korean": ("euc_kr", "cp949", "iso2022_kr"),
    "Latvian": ("cp1257",),
    "Polish": ("cp1250", "iso8859-2"),
    "Portuguese": ("cp1252", "mac-roman"),
    "Russian": ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac-cyrillic"),
    "Spanish": ("cp1252", "mac-roman", "cp850"),
    "Swedish": ("cp1252", "mac-roman"),
    "Taiwanese": ("big5", "cp950"),
    "Thai": ("cp874",),
    "Turkish": ("cp1254",),
    "Ukrainian": ("cp1251", "koi8-u", "iso8859-5"),
}


def _table(texts: tuple[str, ...]) -> str:
    return "file_name,transcription\n" + "".join(f"{at}.flac,{text}\n" for at, text in enumerate(texts))


@pytest.mark.parametrize(
    ("language", "encoding"), [(language, page) for language, pages in CODE_PAGES.items() for page in pages]
)
def test_three_sentences_are_enough_to_tell_an_encoding(language: str, encoding: str) -> None:
    table = _table(SENTENCES[language])
    found = decode("metadata.csv", table.encode(encoding))
    assert found.text == table
    (warning,) = found.warnings
    assert found.encoding in warning
    if "iso2022" not in encoding:
        assert next(line for line in table.split("\n") if not line.isascii())[:80] in warning


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("language", ["Russian", "Chinese", "Thai", "German"])
def test_unicode_with_and_without_a_mark(encoding: str, language: str) -> None:
    table = _table(SENTENCES[language])
    data = table.encode(encoding)
    found = decode("metadata.csv", data)
    assert found.text == table
    assert bool(found.warnings) is ("8" not in encoding)
    assert is_unicode(data[:51])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "cp1251", "cp932"])
@pytest.mark.parametrize("cut", range(8))
def test_the_head_of_a_file_is_cut_at_a_whole_character(encoding: str, cut: int) -> None:
    table = _table(SENTENCES["Japanese" if encoding == "cp932" else "Russian"])
    data = table.encode(encoding)
    head = decode_head(data[: len(data) - cut])
    assert table.startswith(head.rstrip("\ufffd"))
    assert head.count("\n") >= 3


def test_a_word_that_several_code_pages_explain_is_refused() -> None:
    with pytest.raises(UnclearEncodingError) as raised:
        decode("metadata.csv", "file_name,text\na.wav,mañana\n".encode("cp1252"))
    assert str(raised.value) == (
        "metadata.csv is not UTF-8, and could be cp1252 ('a.wav,mañana') or cp1250 ('a.wav,mańana'): save it as UTF-8 "
        "(in a text editor: Save as, Encoding UTF-8)"
    )


def test_files_that_are_encoded_alike_help_each_other() -> None:
    word = "a.wav mañana\n".encode("cp1252")
    others = [f"{at}.wav {text}\n".encode("cp1252") for at, text in enumerate(SENTENCES["Spanish"])]
    assert decode("a.txt", word, lambda: others).text == "a.wav mañana\n"


@pytest.mark.parametrize("data", [b"file_name,text\na.wav,x\x81\xfcy\n", b"\x93\0\x01\xff\n" * 9])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(UnclearEncodingError, match="save it as UTF-8"):
        decode("metadata.csv", data)


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_are_refused(seed: int) -> None:
    with pytest.raises(UnclearEncodingError, match="its encoding cannot be determined"):
        decode("metadata.csv", random.Random(seed).randbytes(400).replace(b"\0", b""))


def test_lines_of_another_encoding_cost_only_themselves() -> None:
    texts = ["größer\n", "schön\n", "für\n"]
    found = decode("metadata.csv", "".join(texts[:2]).encode() + texts[2].encode("latin-1"))
    assert found.text == "größer\nschön\nf\ufffdr\n"
    assert found.warnings == [
        "metadata.csv has 1 lines (the first is line 3) that are not UTF-8, as its other lines are; letters in them were "
        "lost: save it as UTF-8"
    ]


def test_line_ends_of_old_macs() -> None:
    assert decode("a", b"one\rtwo\r").text == "one\ntwo\n"
    assert decode("a", b"one\r\ntwo\r\n").text == "one\r\ntwo\r\n"
