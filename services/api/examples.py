"""Examples for the OpenAPI document: valid requests by operation, and descriptions of the tags. A test posts them."""

from __future__ import annotations

from typing import Any, Final

_DATASET: Final = "0b6a2c1e-6d0f-4a53-9a51-3d1c0f6f9a10"
_JOB: Final = "7f0f3a52-2f39-4c85-8f5c-1a0f7f0c7d21"
_PROJECT: Final = "c1a5b9c4-3e60-4a3f-b2ce-77d0a6a5e0f3"
_ON: Final = {"model_id": "whisper-pico", "dataset_id": _DATASET}
_TRAINING: Final[dict[str, Any]] = {
    "method": {"type": "qlora", "rank": 16, "alpha": 32},
    "optimizer": {"type": "adamw", "learning_rate": 1e-3},
    "max_steps": 200,
    "split": {"test_groups": ["anna"]},
}

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "signup": {
        "A new account": {"username": "ada", "email": "ada@example.org", "password": "a long pass phrase"},
    },
    "login": {
        "By name": {"username_or_email": "ada", "password": "a long pass phrase"},
        "By e-mail": {"username_or_email": "ada@example.org", "password": "a long pass phrase"},
    },
    "refresh": {"A refresh token": {"refresh_token": "limr_what-the-login-answered"}},
    "logout": {"A refresh token": {"refresh_token": "limr_what-the-login-answered"}},
    "change_me": {
        "Another name": {"username": "ada-l"},
        "Another e-mail": {"email": "ada@example.com", "current_password": "a long pass phrase"},
    },
    "set_password": {
        "Another password": {"current_password": "a long pass phrase", "new_password": "a longer pass phrase"},
    },
    "set_password_anew": {
        "A new password": {"reset_token": "limp_from-the-operator", "new_password": "a long pass phrase"},
    },
    "disable_user": {
        "Stop everything": {"reason": "the key was found in a public repository", "jobs": "stop"},
    },
    "create_api_key": {
        "A read-only key": {"name": "dashboard", "current_password": "a long pass phrase", "scope": "read"},
        "A key for a script": {"name": "my script", "current_password": "a long pass phrase"},
    },
    "change_notification": {"Read": {"read": True}},
    "change_notification_settings": {
        "Only what needs somebody": {"kinds": ["job_failed", "dataset_error", "pipeline_failed"]},
        "Everything": {"kinds": None},
    },
    "set_webhook": {"An address of one's own": {"url": "https://hooks.example.org/lim"}},
    "create_project": {"A project": {"name": "Digits", "description": "Numbers over the telephone"}},
    "change_project": {"Another name": {"name": "Numbers"}},
    "add_model": {
        "From the model hub": {
            "id": "whisper-large-v3-turbo",
            "family": "whisper",
            "title": "Whisper large-v3 turbo",
            "source": "openai/whisper-large-v3-turbo",
            "revision": "41f01f3fe87f28c78e2fbf8b568835947dd65ed9",
            "parameters": 808_878_080,
            "languages": ["en", "de", "fr"],
            "licence": "Apache-2.0",
            "description": "Many languages; needs a GPU.",
        },
    },
    "change_model": {"Keep new jobs from it": {"status": "retired"}},
    "create_dataset": {
        "An upload": {
            "name": "digits",
            "source": {"type": "upload", "files": [{"name": "digits.zip", "size": 15_322_011}]},
        },
        "From an address": {
            "name": "digits",
            "source": {"type": "url", "url": "https://example.org/digits.tar.gz"},
            "project_id": _PROJECT,
        },
        "From a bucket": {"name": "digits", "source": {"type": "s3", "uri": "s3://recordings/digits/"}},
    },
    "revise_dataset": {
        "Take rejected items in, leave others out, correct one": {
            "decisions": [
                {"do": "accept", "paths": ["clips/7.wav"]},
                {"do": "reject", "codes": ["noisy"]},
                {"do": "edit", "paths": ["clips/8.wav"], "text": "turn left", "speaker": "ada"},
            ]
        },
        "Longer recordings": {"limits": {"max_item_s": 60}},
        "Split it again": {"split": {"test_fraction": 0.2, "source_splits": "replace"}},
    },
    "change_dataset": {"Another name": {"name": "digits, second recording"}},
    "estimate": {
        "A training": {**_ON, "config": _TRAINING},
    },
    "create_job": {
        "QLoRA": {**_ON, "config": _TRAINING},
        "On edge devices, with a budget": {
            "name": "digits on the edge",
            **_ON,
            "config": _TRAINING,
            "resources": {"num_workers": 2, "label_selector": {"lim/device-class": "jetson-orin-nano"}},
            "budget": {"wall_s": 3600},
        },
        "A selection": {
            "type": "selection",
            **_ON,
            "config": _TRAINING,
            "selection": {"budget": {"type": "share", "fraction": 0.5}},
        },
    },
    "change_job": {"A larger budget": {"budget": {"wall_s": 7200}}},
    "create_evaluation": {
        "On its own test speakers": {},
        "On other data": {"dataset_id": _DATASET, "measurement": {"split": "all"}},
    },
    "create_sweep": {
        "The learning rate": {
            **_ON,
            "config": {**_TRAINING, "evaluation": {"every_steps": 20}},
            "search": {
                "dimensions": {"optimizer.learning_rate": {"type": "loguniform", "low": 1e-4, "high": 1e-2}},
                "algorithm": {"type": "optuna", "trials": 12},
                "scheduler": {"type": "asha", "reduction_factor": 3},
            },
        },
        "Where ranks are worth most": {
            **_ON,
            "config": {
                **_TRAINING,
                "method": {"type": "qlora", "rank": 8, "alpha": 16, "allocation": {"type": "sketch"}},
                "evaluation": {"every_steps": 20},
            },
            "search": {
                "dimensions": {
                    "method.allocation.weights.audio_encoder": {"type": "loguniform", "low": 0.25, "high": 4},
                    "method.allocation.weights.fusion": {"type": "loguniform", "low": 0.25, "high": 4},
                    "method.allocation.budget": {"type": "choice", "values": [2, 4, 8]},
                },
            },
            "resources": {"num_workers": 2},
        },
    },
    "train_best": {"As it was tried": {}, "On a GPU": {"resources": {"gpus_per_worker": 1}}},
    "create_pipeline": {
        "Everything": {"name": "digits", **_ON, "config": _TRAINING},
        "The better of two": {
            "name": "digits",
            **_ON,
            "config": _TRAINING,
            "stages": [
                {"type": "ingest"},
                {"type": "validate", "most_set_aside_share": 0.1},
                {"type": "train", "name": "rank-16", "needs": ["validate"]},
                {
                    "type": "train",
                    "name": "rank-4",
                    "needs": ["validate"],
                    "config": {**_TRAINING, "method": {"type": "qlora", "rank": 4, "alpha": 8}},
                },
                {"type": "compare", "needs": ["rank-16", "rank-4"], "gates": [{"metric": "wer", "at_most": 0.15}]},
                {"type": "export", "adapter": "digits"},
            ],
        },
    },
    "create_adapter": {"A name": {"name": "digits", "project_id": _PROJECT}},
    "change_adapter": {"Another name": {"name": "numbers"}},
    "add_version": {"What a job made": {"job_id": _JOB, "notes": "with the recordings of May"}},
}
"""Request bodies by operation id and title."""

PROBLEM: Final[dict[str, Any]] = {
    "type": "about:blank",
    "title": "Invalid request",
    "status": 422,
    "code": "invalid_request",
    "detail": "The request has 1 fault; see errors.",
    "errors": [{"path": "config.max_steps", "message": "Input should be greater than 0; found 0"}],
    "correlation_id": "9f2d1c0ab64e4f7c",
}

TAGS: Final[dict[str, str]] = {
    "auth": "Sign up, log in, renew and end a login.",
    "admin": "For operators: accounts of others, what belongs to others, the audit trail.",
    "users": "The caller's account, API keys and audit trail.",
    "events": "One live stream of everything of the caller that changes.",
    "notifications": "Notifications about ended work: stored, streamed live, and sent to a webhook.",
    "projects": "Projects group datasets, jobs and adapters.",
    "models": "The catalogue of base models.",
    "schemas": "JSON Schemas of training and selection configs.",
    "datasets": "Recordings: from upload to a version that can be trained on, with a report of every defect.",
    "jobs": "Training, selection and evaluation: launch, follow, stop, resume, and what they made.",
    "sweeps": "Searches for the best training, with their trials and what quality costs.",
    "pipelines": "All stages from recordings to a version of an adapter, as one.",
    "adapters": "Adapters by name and version, with what each was made of.",
    "estimates": "Memory, time and cost before a launch.",
    "cluster": "Nodes of the cluster.",
    "health": "Whether the platform is alive and ready.",
}
