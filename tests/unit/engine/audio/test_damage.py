"""Files with bytes that were changed, lost or added: sound or a reason, and nothing else."""

from __future__ import annotations

import io
import random

import pytest

from engine.audio.reading import hear
from engine.data.validation.bitstream import check_bitstream
from engine.errors import AudioError
from tests.unit.engine.audio.encoded import by_ffmpeg, by_libsndfile, tone

SOUND = tone(0.5, 400)
FILES = {
    "wav": by_libsndfile(SOUND),
    "wavs": by_libsndfile(SOUND) * 2,
    "rf64": by_libsndfile(SOUND, format="RF64"),
    "aiff": by_libsndfile(SOUND, format="AIFF"),
    "au": by_libsndfile(SOUND, format="AU") * 2,
    "caf": by_libsndfile(SOUND, format="CAF"),
    "w64": by_libsndfile(SOUND, format="W64"),
    "sphere": by_libsndfile(SOUND, format="NIST"),
    "flac": by_libsndfile(SOUND, format="FLAC"),
    "ogg": by_libsndfile(SOUND, format="OGG", subtype="VORBIS") * 2,
    "mp3": by_libsndfile(SOUND, format="MP3", subtype="MPEG_LAYER_III") * 2,
    "mp3 in wav": by_ffmpeg(SOUND, "wav", "libmp3lame"),
    "m4a": by_ffmpeg(SOUND, "ipod", "aac", title="a title"),
    "webm": by_ffmpeg(tone(0.5, 400, 48_000), "webm", "libopus", 48_000),
    "aac": by_ffmpeg(SOUND, "adts", "aac"),
    "amr": by_ffmpeg(tone(0.5, 400, 8_000), "amr", "libopencore_amrnb", 8_000),
    "wma": by_ffmpeg(tone(0.5, 400, 44_100), "asf", "wmav2", 44_100),
    "wv": by_ffmpeg(SOUND, "wv", "wavpack"),
    "avi": by_ffmpeg(SOUND, "avi", "libmp3lame"),
}


# Of a damaged file libsndfile may ask for what stands before its beginning: soundfile says so on stderr, and goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", FILES)
def test_changed_bytes_give_sound_or_a_reason(kind: str) -> None:
    for seed in range(40):
        data = _changed(FILES[kind], random.Random(f"{kind} {seed}"))
        for read in (hear, check_bitstream):
            try:
                read(io.BytesIO(data))
            except AudioError as error:
                assert len(str(error)) > 20, seed


def _changed(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 3, 20])):
        at = draw.randrange(min(len(changed), draw.choice([64, 300, len(changed)])))
        match draw.randrange(4):
            case 0:
                changed[at] = draw.choice([0, 127, 128, 255, draw.randrange(256)])
            case 1:
                del changed[at : at + draw.choice([1, 4, 100])]
            case 2:
                changed[at:at] = draw.randbytes(draw.choice([1, 4, 50]))
            case _:
                changed[at : at + 8] = draw.choice([bytes(8), b"\xff" * 8, b"\x7f" + b"\xff" * 7])
    return bytes(changed)
