"""Likelihood of a text in the world's languages by letter frequencies: enough to tell encodings apart."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

_LATIN = {
    "Albanian": "eëtianrshukodmlpjvgbzqfcyxç",
    "Catalan": "easirtnlouodcmpvgbqfhxjàéèóíòçzúyüïk",
    "Croatian": "aioenrjstuklvdmpgzbcčhšžćfđ",
    "Czech": "oeantsilvrkdumpíchzáyjběéřšýžčůúfgňóxťďwq",
    "Danish": "erntaisdlogmkfvubhpåyøæcjwzxéqüö",
    "Dutch": "enairtodslghvmukcpbwjzfyxëéïöüèq",
    "English": "etaoinshrdlcumwfgypbvkjxqzéïñâüèçêöäáíóôû",
    "Estonian": "aiestlunokrdmvgpjhäbõüfcöyšžwzxq",
    "Finnish": "aintesloukämrvjhpydögbfcåwšžxzq",
    "French": "easnitrluodcpmévgfbhqàxèyjkêçôùâîûœëïwzæüÿ",
    "German": "enirstadhulgocmbfkwzpvüäößjyxqéàèêç",
    "Hungarian": "eatlsnkriozáégmbyvdhupjöfcőóüíúűwxqä",
    "Icelandic": "arnieulstðgmfkhvoáþdíjpbyóæúýöéxczwq",
    "Indonesian": "aneirtusdkmlgpbohyjcwfvzxq",
    "Italian": "eiaonltrscdupmgvfbzhqèàkyòùìéjwxî",
    "Latvian": "aistrenuāokmpldīvzēgbcšjūņļfčķžģhō",
    "Lithuanian": "iasoretnukmlpvdjgėbyųšžcąįčūęfzhxwq",
    "Norwegian": "erntasioldgkmvfpubhåyjøcæwzxéqòü",
    "Polish": "aioenrzwsctkydpmuljłgbhąęóżśćfńźvxqé",
    "Portuguese": "aeosirdntmuclpgvbfhãqéçázíjxóêõôúâàkwyü",
    "Romanian": "eiarntulocsdpmăfvîgbșşțţzhâjxkywqé",
    "Slovak": "aoenirvtslkdmpuchjbzáyýíčéžšúľťgfňóôäďŕĺxwq",
    "Slovene": "eaionrsltjvkdpmuzbghčcšžfywxqć",
    "Spanish": "eaonsrildtcumpbgvfyóhqíjzáéñxúüwkç",
    "Swedish": "eanrtsildomkgvhfupäcböåyjxwzéqüà",
    "Turkish": "aeinrlıkdtsmyuobüşvgzhcpçğöfjâîûwxqi",
    "Vietnamese": "nhticgaoumlràđsevpbyưdákộếạảãấầậẩẫăắằặẳẵâèéẹẻẽêềệểễìíịỉĩòóọỏõôốồổỗơớờợởỡùúụủũứừựửữỳýỵỷỹqx",
}
_OTHERS = {
    "Arabic": "اليمونرتبةعدسفهكقأحجشطصىخإذضزثغءئظآؤپچگ",
    "Belarusian": "аніыерстоцлвкдяумпзўбьгйчжхшюэфёі",
    "Bulgarian": "аиоентрсвлкдпмзгяъубчцйжщхшюфьѝ",
    "Farsi": "ایردنهومتبسلکشزفگعخقجآپحطصچضغظثذژئأءؤك",
    "Greek": "ατοιενρσκηπςυμλίόάγέδήωχθύφβώξζψϊϋΐΰ",
    "Hebrew": "יוהלרבתמאשנעםדקחפסכגטצןזךףץ",
    "Kazakh": "аыентрлідсмқкобиуғжңзшйпгөүяәұхцэвюьчёфщһъ",
    "Macedonian": "аоиентрсвдкплмушзјгбчцхжќњѓфљџѕѐѝ",
    "Russian": "оеаинтсрвлкмдпугяызбйьчхжцшюэщфъё",
    "Serbian": "аиоенрсуткјвдмплгзбчцшћжђњљхфџ",
    "Thai": "านรอกเงมยลวดทสตะปบคหแจพชขใไโถผซธณญภฝฟศษฐฎฏฆฌฉึำุูิีัื่้๊๋็์ฃฅ",
    "Ukrainian": "оаніирвтесклудмпзяьбгйчхцїжюєшщфґ",
}
_KANA_COMMON = "のにるたとはしいをでてがなれからさっりすあもこまうくよきんーンスルトリアラック"
_HANGUL_COMMON = (
    "이다에의는로하을가고지서한은기으년대사시를리도인스일어자나아들있수그보것해여면오정장부주전구제상라원과와까게니었았세요않없말만"
    "더때우마모내생습안미동소성조비치무위경신문방화재계운연물학남민관국회실음람르거였려러터트드네데든될되된"
)
_FOREIGN = math.log(1e-5)  # a letter that the language does not have
_ASCII = -3.2  # Latin letters in a text of another script: names, endings of files
_CJK_COMMON, _CJK_RARE, _HANGUL, _KANA, _KANA_RARE = -7.3, -14.0, -4.5, -4.0, -5.5


def _by_rank(letters: str) -> dict[str, float]:
    """Log probabilities that fall with the rank, as in English."""
    stretch = 26 / len(letters)
    ranks = enumerate(letters)
    return {
        letter: math.log(0.12 * stretch) - 0.12 * at * stretch - 0.0025 * (at * stretch) ** 2 for at, letter in ranks
    }


_MODELS: Mapping[str, Mapping[str, float]] = {
    **{name: _by_rank(letters) for name, letters in _LATIN.items()},
    **{name: dict.fromkeys("abcdefghijklmnopqrstuvwxyz", _ASCII) | _by_rank(x) for name, x in _OTHERS.items()},
}


def log_likelihood(letters: Counter[str]) -> float:
    """Log likelihood of letters, in lower case, in the language that they fit best."""
    alphabets = max(
        sum(count * model.get(letter, _FOREIGN) for letter, count in letters.items()) for model in _MODELS.values()
    )
    return max(alphabets, *(sum(n * cost(c) for c, n in letters.items()) for cost in (_chinese, _japanese, _korean)))


def _chinese(letter: str) -> float:
    if letter.isascii():
        return _ASCII
    if not "\u4e00" <= letter <= "\u9fff":
        return _FOREIGN
    return _CJK_COMMON if _is_level_one(letter, "gb2312", 0xB0, 0xD7) or _is_big5_common(letter) else _CJK_RARE


def _japanese(letter: str) -> float:
    if letter.isascii():
        return _ASCII
    if "\u3041" <= letter <= "\u30ff":
        return _KANA if letter in _KANA_COMMON else _KANA_RARE
    if not "\u4e00" <= letter <= "\u9fff" and letter != "々":
        return _FOREIGN
    return _CJK_COMMON if _is_level_one(letter, "euc_jp", 0xB0, 0xCF) else _CJK_RARE


def _korean(letter: str) -> float:
    if letter.isascii():
        return _ASCII
    if not "\uac00" <= letter <= "\ud7a3":
        return _FOREIGN
    if letter in _HANGUL_COMMON:
        return _HANGUL
    return _CJK_COMMON if _is_level_one(letter, "euc_kr", 0xB0, 0xC8) else _CJK_RARE


def _is_level_one(letter: str, encoding: str, first: int, last: int) -> bool:
    """Whether a national standard has a character in its rows of common characters."""
    try:
        code = letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and first <= code[0] <= last


def _is_big5_common(letter: str) -> bool:
    return _is_level_one(letter, "big5", 0xA4, 0xC6)
