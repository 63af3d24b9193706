"""Names of metadata columns in many spellings and languages, and the role of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal[
    "file",
    "text",
    "label",
    "caption",
    "input",
    "answer",
    "speaker",
    "group",
    "split",
    "language",
    "start",
    "end",
    "duration",
]

FILE_COLUMNS = ("file_name", "filename", "file", "path", "audio")
TEXT_COLUMNS = ("transcription", "transcript", "text", "sentence", "label")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")

_NAMES: Mapping[Role, str] = {
    "file": """
        file_name file path file_path fname audio audio_file audio_path audio_file_path audio_file_name wav wav_file
        wav_file_name wav_path wave wave_file clip clip_name clip_path clip_file recording recording_path
        recording_file sound sound_file slice_file_name mp3 flac media media_path source_file
        datei dateiname audiodatei pfad fichier nom_fichier nom_du_fichier chemin archivo nombre_archivo fichero ruta
        arquivo nome_arquivo caminho nome_file percorso bestand bestandsnaam plik nazwa_pliku ścieżka soubor dosya
        dosya_adı tiedosto fil filnamn filnavn fájl fișier αρχείο файл имя_файла путь аудио файл_аудио
        文件 文件名 音频 音频文件 路径 檔案 檔名 音檔 ファイル ファイル名 音声 音声ファイル パス 파일 파일명 오디오 경로
        ملف الملف اسم_الملف קובץ फ़ाइल फाइल ไฟล์ tệp
    """,
    "text": """
        normalized_text normalised_text text_normalized text_normalised norm_text text_norm normalized_transcription
        normalized_transcript normalized_sentence transcription_normalized transcript_normalized sentence_normalized
        transcription transcript text sentence utterance utterance_text transcription_text transcript_text
        spoken_text ground_truth reference_text target_text verbatim orthographic_transcription orthography
        content caption script prompt phrase txt wrd
        satz transkription transkript gesprochener_text texte transcripción transcripcion texto frase oración transcrição
        transcricao trascrizione testo tekst transcriptie zin transkrypcja zdanie přepis věta metin cümle transkripsiyon
        teksti lause transkriptio mening szöveg mondat átirat propoziție κείμενο текст транскрипция транскрипт
        расшифровка предложение фраза речення 文本 转写 转录 句子 內容 文字 轉寫 テキスト 文章 文 書き起こし 台詞
        텍스트 문장 전사 대사 النص نص الجملة טקסט משפט पाठ वाक्य ข้อความ văn_bản câu
        raw_text raw_transcription raw_transcript raw_sentence original_text text_raw
        label
    """,
    "label": """
        label labels class classes class_name class_names class_label class_labels category categories label_name
        label_names target targets target_name tag tags event event_label event_labels events sound_event sound_class
        scene scene_label intent intent_class intent_label emotion emotion_label command keyword word species
        species_name primary_label genre instrument instrument_family sound_type human_labels label_id class_id
        category_id target_id id_class
        klasse klassen kategorie bezeichnung classe classes étiquette étiquettes catégorie clase clases etiqueta etiquetas
        categoría categoria rótulo etichetta etichette klas categorie klasa etykieta kategoria třída štítek sınıf etiket
        luokka klass kategori osztály címke κλάση ετικέτα класс метка метки категория 标签 类别 標籤 類別 ラベル クラス
        カテゴリ 레이블 라벨 클래스 분류 التصنيف الفئة תווית קטגוריה लेबल वर्ग ป้ายกำกับ nhãn
        language accent dialect gender
    """,
    "caption": """
        caption captions audio_caption audio_captions caption_text description descriptions text texts sentence sentences
        annotation title titles raw raw_text prompt
        beschreibung beschreibungen bildunterschrift titel légende légendes sous_titre descripción descripciones título
        legenda descrição descrizione didascalia omschrijving opis titulek popis açıklama kuvaus beskrivning bildtext
        leírás descriere περιγραφή описание подпись 描述 说明 標題 标题 キャプション 説明 타이틀 캡션 설명 الوصف תיאור
        विवरण คำบรรยาย mô_tả
    """,
    "input": """
        text sentence review document content body input input_text source source_text question prompt instruction query
        article passage paragraph message comment tweet post utterance statement email description title headline name
        texte texto testo tekst satz frase 文本 文章 テキスト 텍스트 текст النص
    """,
    "answer": """
        answer response output output_text target target_text completion summary translation reply solution text
        antwort réponse respuesta risposta ответ 答案 回答 답변
    """,
    "speaker": """
        speaker speaker_id speaker_name speaker_code speaker_label speaker_number spk spk_id spkr spkr_id spk_name
        client_id client user_id user user_name reader_id reader reader_name talker talker_id voice voice_id voice_name
        narrator narrator_id actor actor_id participant participant_id subject_id subject person person_id
        informant informant_id contributor contributor_id worker_id
        sprecher sprecher_id sprecherin locuteur locuteur_id orateur voix hablante hablante_id locutor locutor_id falante
        parlante parlante_id spreker spreker_id mówca mowca mluvčí mluvci konuşmacı konusmaci puhuja talare beszélő
        vorbitor ομιλητής диктор спикер говорящий ид_диктора 说话人 说话者 发言人 說話者 話者 話者名 スピーカー 화자
        발화자 المتحدث דובר वक्ता ผู้พูด
    """,
    "group": """
        group group_id src_file source_file source source_id identifier recording_id original_file original_recording
        parent_file clip_id video_id youtube_id ytid fsid freesound_id session session_id site site_id location
        location_id place device_id patient patient_id individual individual_id animal_id
        gruppe quelle aufnahme_id sitzung groupe grupo gruppo grupa skupina grup ryhmä grupp csoport группа источник 组 組
        グループ 그룹
        fold folds
    """,
    "split": """
        split data_split dataset_split set subset data_set_split partition fold usage dataset_part
        aufteilung teil partición выборка 数据集划分
    """,
    "language": "language lang locale language_code lang_code language_id lang_id sprache langue idioma lingua язык 语言 言語",
    "start": """
        start start_time time_start begin begin_time time_begin start_offset segment_start seg_start clip_start from
        from_time onset offset audio_offset t_start tstart tmin xmin start_at von anfang beginn startzeit debut début inicio início inizio
        начало 开始 开始时间 開始 開始時間 시작
    """,
    "end": """
        end end_time time_end stop stop_time time_stop end_offset segment_end seg_end clip_end to to_time until t_end
        tend tmax xmax finish end_at bis ende endzeit fin fim fine конец 结束 结束时间 終了 終了時間 종료
    """,
    "duration": "duration dur length_time segment_duration seg_duration clip_duration audio_duration dauer durée duración",
}
"""Column names of each role; of two columns for one role, the one whose name comes first is read."""

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sekunden", "secondes", "segundos", "сек", "秒"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds", "мс", "毫秒"), 1e-3),
    **dict.fromkeys(("min", "mins", "minutes"), 60.0),
    **dict.fromkeys(("us", "usec", "microseconds"), 1e-6),
}
"""Units that the name of a time column may end with, in seconds."""
_NOT_TIMES = frozenset({"sample", "samples", "frame", "frames"})
_HARMLESS: Mapping[str, str] = {
    "kinds of texts": "orig original final full clean cleaned corrected manual human gold ref reference verbatim asr raw",
    "little words": "the of audio",
    "codes of languages": "de en fr es it pt nl pl cs ru uk tr sv da no fi hu ro el ar he hi zh ja ko th vi fa",
    "languages": "german english french spanish italian portuguese dutch polish czech russian ukrainian turkish swedish "
    "danish finnish hungarian romanian greek arabic hebrew hindi chinese japanese korean thai vietnamese",
}
"""Words that may accompany a column's name: `text_de`, `Transcript (corrected)`."""
_HARMLESS_WORDS = frozenset(word for words in _HARMLESS.values() for word in words.split())


def bare(name: str) -> str:
    """A column's name for comparisons: without case, blanks and punctuation."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc"))


_RANKS: Mapping[Role, Mapping[str, int]] = {
    role: {bare(name): rank for rank, name in reversed(list(enumerate(names.split())))}
    for role, names in _NAMES.items()
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose name fits a role."""

    at: int
    """Its index in a row."""
    name: str
    """Its name as written."""
    rank: int
    """Its preference: lower is better."""
    unit_s: float | None = None
    """For times, the unit that its name gives, in seconds; None if it gives none, 0 if the unit is not supported."""


def columns_of(names: Sequence[str], role: Role) -> list[Column]:
    """The columns whose names fit a role, the best first."""
    found = [column for at, name in enumerate(names) if (column := _column(at, name.strip().strip("\"'"), role))]
    return sorted(found, key=lambda column: (column.rank, column.at))


def _column(at: int, name: str, role: Role) -> Column | None:
    ranks = _RANKS[role]
    if role in ("start", "end", "duration"):
        return _time_column(at, name, ranks)
    rank = ranks.get(bare(name))
    if rank is None:
        kept = [word for word in words(name) if word not in _HARMLESS_WORDS]
        rank = ranks.get("".join(kept)) if kept else None
        rank = None if rank is None else len(ranks) + rank  # after all exact matches
    return None if rank is None else Column(at, name, rank)


def _time_column(at: int, name: str, ranks: Mapping[str, int]) -> Column | None:
    parts = words(name)
    if bare(name) in ranks:
        return Column(at, name, ranks[bare(name)])
    unit_s = _UNITS.get(parts[-1]) if parts else None
    if parts and parts[-1] in _NOT_TIMES:
        unit_s = 0.0
    rank = ranks.get("".join(part for part in parts[:-1] if part != "in")) if unit_s is not None else None
    return None if rank is None else Column(at, name, rank, unit_s)


def words(name: str) -> list[str]:
    """The words of a name such as `start_time_s`, `startSec` or `Start (ms)`, in lower case."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    return [word for word in re.split(r"[\W_]+", apart.casefold()) if word]
