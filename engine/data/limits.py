"""Limits of an ingestion: on resources, and on usable recordings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.config.processing import ItemLimits

MIB = 1 << 20
GIB = 1 << 30
_FASTEST_CHARACTERS_PER_S = 50  # the fastest speakers say half of that


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """The limits of one ingestion; the defaults suit untrusted uploads of speech."""

    max_members: int = 1_000_000
    """Maximum number of members of an archive, files in a folder, or rows of tables."""
    max_total_bytes: int = 64 * GIB
    """Maximum uncompressed size of an archive, in bytes."""
    max_member_bytes: int = 2 * GIB
    """Maximum uncompressed size of one recording, in bytes."""
    max_metadata_bytes: int = 256 * MIB
    """Maximum size of one metadata file, in bytes."""
    max_ratio: int = 200
    """Maximum ratio of uncompressed to compressed size, of a member and of the archive, above `ratio_floor_bytes`."""
    ratio_floor_bytes: int = 256 * MIB
    """Uncompressed size up to which any ratio is allowed: ten minutes of digital silence deflate a thousandfold and are
    no attack."""
    max_file_s: float = 12 * 3600.0
    """Longest file that rows with times may cut parts from, in seconds."""
    max_audio_s: float = 2_000 * 3600.0
    """Maximum audio of a dataset, in seconds: rows may name the same stretch of a small file a million times."""
    max_value_bytes: int = MIB
    """Maximum size of a table value other than a recording, in bytes: each row that shares a large value costs its size
    again."""
    max_item_s: float = 30.0
    """Longest recording, in seconds."""
    min_item_s: float = 0.05
    """Shortest recording, in seconds."""
    silence_dbfs: float = -60.0
    """A recording with no 20 ms above this level is silent."""
    shard_s: float = 600.0
    """Length of the audio files that recordings are packed into, in seconds."""

    @property
    def max_text_characters(self) -> int:
        """Maximum number of characters of a text: far more than anyone can say in the longest allowed recording."""
        return 1000 + round(_FASTEST_CHARACTERS_PER_S * self.max_item_s)

    def with_items(self, items: ItemLimits) -> IngestLimits:
        """These limits with a user's limits on recordings."""
        return replace(self, max_item_s=items.max_item_s, min_item_s=items.min_item_s, silence_dbfs=items.silence_dbfs)


DEFAULT_LIMITS = IngestLimits()
