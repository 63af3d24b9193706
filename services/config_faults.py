"""Validation of configs in request bodies: reports all faults together, including those between fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from engine.config.base import parse
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from tuning.sweep.config import SearchConfig


def with_all_faults(schema: type[BaseModel]) -> WrapValidator:
    """A validator that reports all faults of a config or a body together."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            if not isinstance(value, Mapping):
                raise
            faults = _faults(schema, value)
            if not faults:
                raise
            raise ValidationError.from_exception_data(schema.__name__, faults) from None

    return WrapValidator(check)


def _faults(schema: type[BaseModel], value: Mapping[str, Any]) -> list[InitErrorDetails]:
    try:
        parse(schema, value)
    except ConfigError as error:
        return [
            InitErrorDetails(
                type=PydanticCustomError("config", "{message}", {"message": fault.message}),
                loc=(fault.path,) if fault.path else (),
                input=value,
            )
            for fault in error.faults
        ]
    except RecursionError:
        pass  # nested too deeply to parse a second time
    return []


CheckedTrainingConfig = Annotated[TrainingConfig, with_all_faults(TrainingConfig)]
CheckedSelectionConfig = Annotated[SelectionConfig, with_all_faults(SelectionConfig)]
CheckedSearchConfig = Annotated[SearchConfig, with_all_faults(SearchConfig)]
