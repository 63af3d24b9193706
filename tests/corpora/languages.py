"""Words, and texts that are hard to tell from bad ones, in five scripts: what the corpus of defects is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """What people say in a language, and how they write it."""

    code: str
    words: tuple[str, ...]
    """Frequent words."""
    digits: tuple[str, ...]
    """Zero to nine, as they are said."""
    names: tuple[str, ...]
    short: tuple[str, ...]
    """Utterances of one word."""
    hard: tuple[str, ...]
    """Good texts with letters, marks and signs that faults have too."""
    look_alike: tuple[str, ...]
    """Words with a letter of another alphabet that looks right."""
    personal: tuple[str, ...]
    """Personal data as people of the language write it; `#` is a digit, and never the first of a number."""
    accent: str | None = None
    """Voice of espeak-ng; None for the accents of English."""
    figures: str = "0123456789"
    """The digits that numbers are written with."""
    blank: str = " "
    """What stands between words."""
    pace: float = 1.0
    """Factor on the rate of the voices: espeak-ng's words per minute are English words."""


_ENGLISH_WORDS = (
    "the a of to and in is it you that he was for on are with as his they at be this from have or by one had not but "
    "what all were when we there can an your which their said if do will each about how up out them then she many some "
    "so these would other into has more her two like him see time could no make than first been its who now people my "
    "made over did down only way find use may water long little very after words called just where most know get "
    "through back much before go good new write our used me man too any day same right look think also around another "
    "came come work three word must because does part even place well such here take why things help put years different "
    "away again off went old number great tell men say small every found still between name should home big give air "
    "line set own under read last never us left end along while might next sound below saw something thought both few"
)

ENGLISH = Language(
    code="en",
    words=tuple(_ENGLISH_WORDS.split()),
    digits=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    names=("Maria", "Ahmed", "Chloe", "Lars", "Priya", "Yuki", "Lagos", "Warsaw", "Kyoto", "Lima"),
    short=("no", "yes", "go", "up", "on", "off", "stop", "left", "right", "one", "two", "six", "eight"),
    hard=(
        "café au lait", "naïve Élodie", "señor Muñoz", "Łódź und Kraków", "smørrebrød og øl", "über größere Straßen",
        "crème brûlée", "São João", "Dvořák a Smetana", "İstanbul ve Çeşme", "l'été où déjà", "Þórður og Æsa", "“quoted” – yes…",
    ),
    look_alike=("pеace", "pеople", "оnce", "plаce", "оpen", "оcean", "Mоscow", "nеxt"),
    personal=(
        "555-###-####", "(212) 555-####", "+49 171 #######", "020 7946 ####", "eve##@example#.com", "ada.b@mail.example.co.uk",
        "https://example.com/users/bob_##", "https://ada:secret@example.com/", "## Maple Avenue", "12# Oak Street",
    ),
)  # fmt: skip

_RUSSIAN_WORDS = (
    "и в не на я быть он с что а по это она этот к но они мы весь который из у то за свой что от о так год один такой "
    "для же мочь все человек тот до время если сам когда другой вот говорить наш мой знать стать при чтобы дело жизнь "
    "кто первый очень два день её новый рука даже во со раз где там под можно ну какой после их работа без самый потом "
    "надо хотеть ли слово идти большой должен место иметь ничто сейчас тут лицо каждый друг нет теперь ни глаз тоже тогда "
    "видеть вопрос через да здесь дом да потому сторона какой-то думать сделать страна жить чем мир об последний случай"
)

RUSSIAN = Language(
    code="ru",
    accent="ru",
    pace=0.75,
    words=tuple(_RUSSIAN_WORDS.split()),
    digits=("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"),
    names=("Мария", "Ахмед", "Хлоя", "Фёдор", "Прия", "Юки", "Лагос", "Варшава", "Киото", "Лима"),
    short=("нет", "да", "иди", "вверх", "стоп", "лево", "право", "один", "два", "шесть", "восемь"),
    hard=(
        "ёлка и подъезд", "«Я… Ні» – сказал он", "смотри в Googleе", "открой PDFку сейчас", "мой iPhone'ом и USB-кабель",
        "раздел 3.2.1.1 закона", "версия 2.1.0.3", "в 1941-1945 годах", "что?Да", "говорит hello и bye", "за́мок или замо́к",
        "цена 1 000 000 рублей", "№ 5, § 7", "XIX век", "10 кВт",
    ),
    look_alike=("мaма", "хoрошо", "Mосква", "cлово", "рaботa", "чeловек"),
    personal=(
        "8 (912) ###-##-##", "+7 912 ###-##-##", "8-800-###-##-##", "почта eve##@example.ru", "IP-адрес 10.0.1.1##",
        "улица Ленина, дом 1#", "https://vk.com/ada_##", "192.168.1#.1##",
    ),
)  # fmt: skip

_HINDI_WORDS = (
    "और के है में की को यह से वह एक पर नहीं हम भी कर लिए था तो ही या थे हो जो अपने कहा दिया कुछ गया साथ बाद तक अब जब लोग "
    "आप समय दो करने बात किया काम घर दिन सब अच्छा बहुत पानी मैं तुम कौन क्या कहाँ कैसे क्यों आज कल रात सुबह बच्चा स्कूल किताब "
    "शहर गाँव देश हाथ आँख दुनिया जीवन प्रेम मित्र माता पिता भाई बहन रास्ता सड़क गाड़ी पेड़ फूल फल दूध रोटी चावल बड़ा छोटा नया पुराना "
    "लाल हरा काला सफेद खाना पीना जाना आना देखना सुनना बोलना पढ़ना लिखना सोना उठना चलना मिलना विद्यार्थी प्रश्न उत्तर क्षेत्र ज्ञान"
)

HINDI = Language(
    code="hi",
    accent="hi",
    words=tuple(_HINDI_WORDS.split()),
    digits=("शून्य", "एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ"),
    names=("मारिया", "अहमद", "प्रिया", "युकी", "लागोस", "वारसॉ", "क्योटो", "लीमा"),
    short=("नहीं", "हाँ", "जाओ", "ऊपर", "रुको", "बाएँ", "दाएँ", "एक", "दो", "आठ"),
    hard=(
        "क्या हाल है?मैं ठीक", "सत्यमेव जयते।", "अध्याय १.२.३.४ में", "iPhone से WhatsApp पर", "googleपर खोजो", "डॉ॰ शर्मा",
        "र्\u200dक और क्\u200dष", "सन १९४७ में", "ज़रूर फ़ोन", "दुःख", "ॐ नमः", "रु 1,250",
    ),
    look_alike=("pеace में", "Mоscow से"),
    personal=(
        "+91 98765 #####", "फ़ोन 98765 #####", "फोन ९८७६५ #####", "ईमेल eve##@example.in", "आईपी १९२.१६८.१.१##", "आईपी 10.0.0.1##",
    ),
    figures="०१२३४५६७८९",
)  # fmt: skip

_ARABIC_WORDS = (
    "في من على أن إلى هذا التي كان عن مع هو ما لا بعد كل كانت بين قد ذلك عند لم أو هي قبل حتى إذا كما يوم هناك أي لكن "
    "نحن أنت رجل امرأة ولد بنت بيت باب كتاب قلم مدرسة معلم طالب ماء خبز شمس قمر سماء أرض بحر جبل مدينة قرية طريق سيارة "
    "عمل وقت ليل نهار صباح مساء اليوم غدا أمس كبير صغير جديد قديم جميل طويل قصير قال ذهب جاء كتب قرأ أكل شرب نام عاش رأى "
    "سمع عرف أحب أراد فتح أغلق سأل أجاب حياة عالم سلام حرب حق علم صديق أب أم أخ أخت يد عين رأس قلب اسم كلمة سؤال جواب"
)

ARABIC = Language(
    code="ar",
    accent="ar",
    words=tuple(_ARABIC_WORDS.split()),
    digits=("صفر", "واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة"),
    names=("ماريا", "أحمد", "بريا", "يوكي", "لاغوس", "وارسو", "كيوتو", "ليما"),
    short=("لا", "نعم", "قف", "فوق", "يسار", "يمين", "واحد", "اثنان", "ستة"),
    hard=(
        "السَّلَامُ عَلَيْكُمْ", "هل أنت بخير؟نعم", "ما اسمك?أحمد", "الســلام عليكم", "القسم ٣.٢.١.١ من القانون", "اشتريت iPhone جديد",
        "عام ١٩٤٨", "النسخة 1.2.3.4", "ﻻ إله", "قال: «نعم»…", "مئة ٪", "كِتَابٌ جَمِيلٌ",
    ),
    look_alike=("كلمة pеace", "مدينة Mоscow"),
    personal=(
        "هاتف ٠١٠١٢٣٤٥###", "رقم 0101234####", "+966 50 ### ####", "البريد eve##@example.com", "عنوان 10.0.0.1##", "١٩٢.١٦٨.١.١##",
    ),
    figures="٠١٢٣٤٥٦٧٨٩",
)  # fmt: skip

_CHINESE_WORDS = (
    "的 一 是 不 了 人 我 在 有 他 这 中 大 来 上 国 个 到 说 们 为 子 和 你 地 出 道 也 时 年 得 就 那 要 下 以 生 会 自 着 去 之 过 "
    "家 学 对 可 她 里 后 小 么 心 多 天 而 能 好 都 然 没 日 于 起 还 发 成 事 只 作 当 想 看 文 无 开 手 十 用 主 行 方 又 如 前 所 "
    "今天 明天 天气 我们 你们 他们 什么 怎么 为什么 朋友 老师 学生 学校 公园 城市 时间 工作 问题 世界 中国 北京 上海 喜欢 知道 觉得 "
    "可以 应该 因为 所以 但是 如果 已经 现在 以后 以前 东西 孩子 妈妈 爸爸 电话 电脑 手机 汽车 火车 飞机 米饭 面条 水果 苹果 牛奶"
)

CHINESE = Language(
    code="zh",
    accent="cmn",
    pace=1.4,
    words=tuple(_CHINESE_WORDS.split()),
    digits=("零", "一", "二", "三", "四", "五", "六", "七", "八", "九"),
    names=("玛丽亚", "艾哈迈德", "克洛伊", "华沙", "京都", "利马"),
    # Of two syllables: one and the same short syllable by two synthetic voices can be one wave.
    short=("不要", "是的", "出去", "上面", "停下", "左边", "右边", "一个", "第二", "六月", "八天"),
    hard=(
        "你吃饭了吗?我还没吃", "你好吗？很好！", "我用iPhone手机", "打开WiFi吧", "第1.2.3.4章", "二〇二四年", "2024年10月15日", "版本1.2.3.4",
        "约翰·史密斯", "“你好”……他说", "价格是1250元", "卡拉OK", "我 喜欢 苹果",
    ),
    look_alike=("说pеace", "去Mоscow"),
    personal=(
        "电话138########", "手机号是138 #### ####", "邮箱是eve##@example.cn", "服务器地址10.0.0.1##", "访问https://example.com/users/ada##",
        "中山路12#号", "地址是192.168.1.1##",
    ),
    blank="",
)  # fmt: skip

LANGUAGES = {each.code: each for each in (ENGLISH, RUSSIAN, HINDI, ARABIC, CHINESE)}
