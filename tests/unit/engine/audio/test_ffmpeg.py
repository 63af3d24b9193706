"""What FFmpeg's libraries read, and what they must not do with files of strangers."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from engine.audio import ffmpeg
from engine.audio.formats import ALLOWED, AUDIO_ENDINGS, FORMATS
from engine.audio.reading import can_cut, decode_once, hear, probe, read_audio
from engine.errors import AudioError, EmptyAudioError, TruncatedAudioError, UnsupportedAudioError
from tests.unit.engine.audio.encoded import by_ffmpeg, by_libsndfile, frequencies, tone

KINDS = {
    "m4a": ("ipod", "aac", 16_000, "MP4"),
    "m4a at 44.1 kHz": ("ipod", "aac", 44_100, "MP4"),
    "m4a lossless": ("ipod", "alac", 16_000, "MP4"),
    "mp4": ("mp4", "aac", 48_000, "MP4"),
    "mp4 with mp3": ("mp4", "libmp3lame", 16_000, "MP4"),
    "mp4 with opus": ("mp4", "libopus", 48_000, "MP4"),
    "mp4 with flac": ("mp4", "flac", 16_000, "MP4"),
    "mov": ("mov", "pcm_s16le", 16_000, "MP4"),
    "3gp": ("3gp", "libopencore_amrnb", 8_000, "MP4"),
    "webm": ("webm", "libopus", 48_000, "MATROSKA"),
    "mkv": ("matroska", "flac", 16_000, "MATROSKA"),
    "mkv with samples": ("matroska", "pcm_s16le", 16_000, "MATROSKA"),
    "mkv with ac3": ("matroska", "ac3", 48_000, "MATROSKA"),
    "aac": ("adts", "aac", 16_000, "AAC"),
    "amr": ("amr", "libopencore_amrnb", 8_000, "AMR"),
    "wma": ("asf", "wmav2", 44_100, "WMA"),
    "wv": ("wv", "wavpack", 16_000, "WAVPACK"),
    "avi": ("avi", "libmp3lame", 16_000, "AVI"),
    "wav with g722": ("wav", "g722", 16_000, "WAV"),
}


def _file(kind: str, duration_s: float = 2.0) -> bytes:
    container, codec, rate_hz, _ = KINDS[kind]
    return by_ffmpeg(tone(duration_s, 400, rate_hz), container, codec, rate_hz)


@pytest.mark.parametrize("kind", KINDS)
def test_formats_of_people(kind: str) -> None:
    data = _file(kind)
    heard = hear(io.BytesIO(data))
    assert (heard.info.format, heard.info.rate_hz, heard.doubts) == (KINDS[kind][3], KINDS[kind][2], ())
    assert heard.info.format in FORMATS
    assert -100 < len(heard.wave_T) - 32_000 < 2_500  # whole frames, with the padding of an encoder
    assert frequencies(heard.wave_T)[1:7] == pytest.approx([400] * 6, abs=4)
    assert np.square(heard.wave_T[8_000:-8_000]).mean() ** 0.5 == pytest.approx(0.3 / 2**0.5, rel=0.2)
    # Parts are those of the whole, read in either way.
    part = read_audio(io.BytesIO(data), start_s=0.5, duration_s=1.0)
    assert np.abs(part - heard.wave_T[8_000:24_000])[100:-100].max() < 1e-4
    assert not can_cut(io.BytesIO(data)) or kind == "wav with g722"
    assert np.array_equal(read_audio(decode_once(io.BytesIO(data), io.BytesIO()), start_s=0.5, duration_s=1.0), part)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.67])
def test_what_is_cut_short_says_so(kind: str, kept: float) -> None:
    data = _file(kind)
    with pytest.raises(AudioError, match="truncated|cut short") as caught:
        hear(io.BytesIO(data[: int(len(data) * kept)]))
    assert not isinstance(caught.value, EmptyAudioError)


def test_an_index_in_front_does_not_hide_what_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"  # the index is moved in the file itself
    by_ffmpeg(tone(2.0, 400), "mp4", "aac", options={"movflags": "faststart"}, path=path)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert len(read_audio(io.BytesIO(data))) >= 32_000
    with pytest.raises(TruncatedAudioError, match="its box 'mdat' says"):
        probe(io.BytesIO(data[: len(data) * 2 // 3]))


def test_a_recorder_that_never_wrote_its_index() -> None:
    data = _file("m4a")
    with pytest.raises(TruncatedAudioError, match=r"has no index \('moov'\), .*; copy it again, or repair it"):
        probe(io.BytesIO(data[: data.index(b"moov") - 4]))


def test_a_live_stream_needs_no_stated_length() -> None:
    heard = hear(io.BytesIO(by_ffmpeg(tone(2.0, 400, 48_000), "webm", "libopus", 48_000, {"live": "1"})))
    assert len(heard.wave_T) >= 32_000
    fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "200000"}
    assert len(read_audio(io.BytesIO(by_ffmpeg(tone(2.0, 400), "mp4", "aac", options=fragments)))) >= 32_000


def test_of_several_tracks_the_first_is_read() -> None:
    heard = hear(io.BytesIO(by_ffmpeg([tone(2.0, 400), tone(2.0, 800)], "matroska", "flac")))
    assert [doubt.code for doubt in heard.doubts] == ["several_tracks"]
    assert "it has 2 audio tracks; the first was read" in heard.doubts[0].reason
    assert frequencies(heard.wave_T)[1:7] == pytest.approx([400] * 6, abs=4)


def test_resampling_is_that_of_other_files() -> None:
    sound = np.rint(tone(2.0, 400, 48_000) * 32768) / np.float32(32768)
    ours = read_audio(io.BytesIO(by_ffmpeg(sound, "mov", "pcm_s16le", 48_000)))
    assert np.array_equal(ours, read_audio(io.BytesIO(by_libsndfile(sound, 48_000))))


@pytest.mark.parametrize("name", ["secret.wav", "file:{folder}/secret.wav", "{folder}/secret.wav"])
@pytest.mark.parametrize("head", ["", "\x00\x00\x00\x14ftypM4A \x00\x00\x00\x00M4A ", "#!AMR\n", "ID3", "RIFF....WAVE"])
@pytest.mark.parametrize("ending", ["m4a", "aac", "webm", "wav"])
def test_a_playlist_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: str, ending: str
) -> None:
    """FFmpeg's concat, HLS and DASH readers open the files that a text names; with a name of audio they would leak them."""
    (tmp_path / "secret.wav").write_bytes(by_libsndfile(tone(1.0, 400)))
    monkeypatch.chdir(tmp_path)
    url = name.format(folder=tmp_path)
    lists = [
        f"ffconcat version 1.0\nfile '{url}'\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
        f"<?xml version='1.0'?><MPD><Period><AdaptationSet><BaseURL>{url}</BaseURL></AdaptationSet></Period></MPD>",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na={url}\n",
    ]
    for text in lists:
        path = tmp_path / f"list.{ending}"
        path.write_bytes(head.encode("latin-1") + text.encode())
        with pytest.raises(AudioError):
            hear(path)
        with pytest.raises(AudioError):
            hear(io.BytesIO(path.read_bytes()))


def test_ffmpeg_may_open_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were its format ever guessed, FFmpeg would read the other file: this is what is kept from happening."""
    (tmp_path / "secret.wav").write_bytes(by_libsndfile(tone(1.0, 400)))
    monkeypatch.chdir(tmp_path)
    text = b"ffconcat version 1.0\nfile secret.wav\n"
    for kind in ffmpeg.DEMUXERS:
        with pytest.raises(AudioError):
            ffmpeg.look(io.BytesIO(text), kind, "list")
    # Behind that, it is refused what it wants to open.
    for demuxer in ("concat", "hls"):
        monkeypatch.setitem(ffmpeg.DEMUXERS, "MP4", demuxer)
        secret = tmp_path / "secret.wav"
        for url in (f"file://{secret}", secret.name):
            hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n"
            text = hls if demuxer == "hls" else f"ffconcat version 1.0\nfile '{url}'\n"
            with pytest.raises(AudioError):
                ffmpeg.look(io.BytesIO(text.encode()), "MP4", "list")
    monkeypatch.undo()
    assert not {"concat", "hls", "dash", "sdp", "image2", "lavfi"} & set(ffmpeg.DEMUXERS.values())


def test_a_file_without_sound_and_codecs_that_are_not_read() -> None:
    with pytest.raises(UnsupportedAudioError, match="has no audio track"):
        probe(io.BytesIO(_movie()))
    with pytest.raises(UnsupportedAudioError, match="has audio in the codec tta, which is not supported"):
        probe(io.BytesIO(by_ffmpeg(tone(1.0, 400), "matroska", "tta")))


def test_a_file_of_days_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "MAX_FILE_S", 1.5)
    with pytest.raises(UnsupportedAudioError, match="lasts longer than"):
        probe(io.BytesIO(_file("m4a")))


def test_names_of_files() -> None:
    assert {"m4a", "mp4", "webm", "mkv", "mov", "3gp", "aac", "amr", "wma", "aiff", "au", "caf", "w64", "opus"} <= set(
        AUDIO_ENDINGS
    )
    assert all(name in ALLOWED for name in ("WAV", "FLAC", "MP3", "M4A", "WebM", "WMA", "W64"))


def test_pictures_beside_the_sound_are_ignored() -> None:
    heard = hear(io.BytesIO(_movie(tone(2.0, 400))))
    assert (heard.doubts, len(heard.wave_T)) == ((), 32_000)
    assert frequencies(heard.wave_T) == pytest.approx([400] * 8, abs=4)


def _movie(sound: npt.NDArray[np.float32] | None = None) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        audio = out.add_stream("pcm_s16le", rate=16_000, layout="mono") if sound is not None else None
        out.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        if audio is not None and sound is not None:
            samples = np.rint(sound[None] * 32768).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = 16_000
            out.mux(audio.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def test_what_is_lost_between_packets_is_found() -> None:
    data = _file("wv", 5.0)
    with pytest.raises(TruncatedAudioError, match=r"its header says 5.00 s, decoding stopped after \d\.\d+ s"):
        hear(io.BytesIO(data[: data.rindex(b"wvpk", 0, len(data) - 1000)]))
    with pytest.raises(TruncatedAudioError, match="its header says .* bytes, the file has"):
        hear(io.BytesIO(_file("mkv")[:-1]))
    data = _file("wma", 5.0)
    with pytest.raises(AudioError, match="cut short"):
        hear(io.BytesIO(data[: len(data) // 2]))


def test_titles_in_another_encoding_are_no_fault() -> None:
    data = by_ffmpeg(tone(1.0, 400), "ipod", "aac", title="Fluesse am Morgen")
    assert data.count(b"Fluesse") == 1
    broken = data.replace(b"Fluesse", b"Fl\xfc\xdfe\xff\xfe")
    assert np.array_equal(read_audio(io.BytesIO(broken)), read_audio(io.BytesIO(data)))


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 9, 49])
def test_any_count_of_channels(channels: int) -> None:
    sound_TC = np.random.default_rng(0).integers(-8000, 8000, (20_000, channels)).astype(np.int16)
    data = by_libsndfile(sound_TC, format="CAF")
    stated = ffmpeg.look(io.BytesIO(data), "CAF", "a.caf")
    found_TC = np.concatenate(list(ffmpeg.decode(io.BytesIO(data), "CAF", stated, "a.caf")))
    assert (stated.channels, stated.rate_hz) == (channels, 16_000)
    assert np.array_equal(found_TC * 32768, sound_TC)
