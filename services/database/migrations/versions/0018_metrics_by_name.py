"""metrics as values: results, newest metrics, events, lineages and comparisons hold them by name

Revision ID: 0018
Revises: 0017
Create Date: 2026-11-30 03:10:00
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_SIDES: Final = {"base": "base", "adapter": "tuned"}
_LINEAGE: Final = "(lineage->'result')"
_RENAMED: Final = {
    "adapter_bytes": "saved_bytes",
    "audio_s": "cost",
    "audio_s_per_s": "cost_per_s",
    "left_out_utterances": "left_out_count",
    "speakers": "groups",
    "test_speakers": "test_groups",
    "test_utterances": "test_examples",
    "train_audio_s": "train_cost",
    "train_utterances": "train_examples",
    "utterances": "examples",
}
_FACTS: Final = {
    "context": "audio_context",
    "base_context": "base_audio_context",
    "language": "language",
    "references_cut": "references_cut",
}


def _picked(column: str, fields: dict[str, str]) -> str:
    """SQL of an object of some fields of `column`, by their new names, without those that are null or not there."""
    pairs = ", ".join(f"'{new}', {column}->'{old}'" for old, new in fields.items())
    return f"jsonb_strip_nulls(jsonb_build_object({pairs}))"


def _rates(column: str, prefix: str, suffix: str = "") -> str:
    return _picked(column, {f"{prefix}wer{suffix}": "wer", f"{prefix}cer{suffix}": "cer"})


def _or_null(sql: str) -> str:
    return f"NULLIF({sql}, '{{}}'::jsonb)"


def _result(column: str) -> str:
    """SQL of a result in its new form."""
    rates = [f"{side}_{rate}" for side in _SIDES for rate in ("wer", "cer")]
    gone = [*rates, "wer_by_speaker", "cer_by_speaker", *_FACTS, *_RENAMED]
    sides = ", ".join(f"'{new}', {_or_null(_rates(column, f'{old}_'))}" for old, new in _SIDES.items())
    return (
        f"({column} - ARRAY[{', '.join(repr(name) for name in gone)}]) || {_picked(column, _RENAMED)} || "
        f"jsonb_build_object('task', 'speech_to_text', 'cost_unit', 'audio_s', 'facts', {_picked(column, _FACTS)}, "
        f"'primary', coalesce({column}->>'primary', 'wer'), {sides}) || "
        f"jsonb_strip_nulls(jsonb_build_object('by_group', {_or_null(_rates(column, '', '_by_speaker'))}))"
    )


def upgrade() -> None:
    is_old = "{} ?| ARRAY['audio_s_per_s', 'adapter_wer', 'base_wer', 'adapter_cer', 'base_cer']"
    op.execute(
        f"UPDATE jobs SET result = {_result('result')} WHERE type IN ('training', 'evaluation') AND "
        + is_old.format("result")
    )
    op.execute(
        f"UPDATE adapter_versions SET lineage = lineage || jsonb_build_object('result', {_result(_LINEAGE)}) "
        f"WHERE {is_old.format(_LINEAGE)}"
    )
    op.execute(
        f"UPDATE pipeline_stages SET result = {_result('result')} WHERE type IN ('train', 'evaluate') AND "
        + is_old.format("result")
    )
    # The newest metrics of a job: those of an evaluation under its side.
    names = [f"{side}_{rate}" for side in ("base", "adapter", "validation") for rate in ("wer", "cer")]
    gone = [
        *names,
        *(f"{side}_{name}" for side in ("base", "adapter", "validation") for name in ("utterances", "wall_s")),
    ]
    sides = {"base": "base", "adapter": "tuned", "validation": "validation"}
    built = ", ".join(f"'{new}', {_or_null(_rates('metrics', f'{old}_'))}" for old, new in sides.items())
    op.execute(
        f"UPDATE jobs SET metrics = (metrics - ARRAY[{', '.join(repr(name) for name in gone)}, 'audio_s_per_s']) || "
        f"jsonb_strip_nulls(jsonb_build_object({built}, 'cost_per_s', metrics->'audio_s_per_s', "
        "'cost_unit', CASE WHEN metrics ? 'audio_s_per_s' THEN 'audio_s' END)) "
        f"WHERE metrics ?| ARRAY[{', '.join(repr(name) for name in names)}, 'audio_s_per_s']"
    )
    op.execute(
        "UPDATE job_events SET data = (data - ARRAY['wer', 'cer', 'utterances']) || jsonb_build_object("
        f"'metrics', {_rates('data', '')}, 'primary', coalesce(data->>'primary', 'wer'), "
        "'which', CASE data->>'which' WHEN 'adapter' THEN 'tuned' ELSE data->>'which' END, 'examples', data->'utterances') "
        "WHERE kind = 'metric' AND data ? 'split' AND NOT data ? 'metrics'"
    )
    op.execute(
        "UPDATE job_events SET data = (data - 'audio_s_per_s') || jsonb_build_object('cost_unit', 'audio_s', 'cost_per_s', "
        "data->'audio_s_per_s') WHERE kind = 'metric' AND data ? 'audio_s_per_s'"
    )
    _comparisons()


def _comparisons() -> None:
    """Settings of comparisons become gates, and their results hold metrics by name."""
    op.execute(
        "UPDATE pipeline_stages SET settings = (settings - ARRAY['better_than_base', 'most_wer', 'most_cer']) || "
        "jsonb_build_object('gates', "
        "CASE WHEN (settings->>'better_than_base')::boolean IS NOT FALSE "
        'THEN \'[{"metric": "primary", "better_than_base": true}]\'::jsonb ELSE \'[]\'::jsonb END || '
        + " || ".join(
            f"CASE WHEN settings->>'most_{rate}' IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object("
            f"'metric', '{rate}', 'at_most', settings->'most_{rate}')) END"
            for rate in ("wer", "cer")
        )
        + ") WHERE type = 'compare' AND NOT settings ? 'gates'"
    )
    op.execute(
        "UPDATE pipeline_stages SET result = (result - ARRAY['wer', 'cer', 'base_wer', 'base_cer']) || jsonb_build_object("
        f"'base', {_or_null(_rates('result', 'base_'))}, 'tuned', {_or_null(_rates('result', ''))}, 'candidates', "
        "(SELECT jsonb_agg((each - ARRAY['wer', 'cer']) || jsonb_build_object('tuned', "
        f"{_or_null(_rates('each', ''))})) FROM jsonb_array_elements(result->'candidates') AS each)) "
        "WHERE type = 'compare' AND result ? 'candidates' AND NOT result ? 'tuned'"
    )


def downgrade() -> None:
    """Nothing: the earlier release reads no metric of what was stored before or after."""
