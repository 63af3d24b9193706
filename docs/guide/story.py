"""The whole story by the Python client: sign up, upload, inspect, launch, follow, stop, resume, download, delete."""

import os
from pathlib import Path

from less_is_more_client import Client, InvalidRequestError

user, password = os.environ.get("LIM_USER", "ada"), os.environ["LIM_PASSWORD"]
recordings = Path(os.environ.get("RECORDINGS", "engine/data/bundled/demo-speech"))

with Client.from_environment() as client:  # LIM_URL, by default this machine
    client.signup(user, f"{user}@example.org", password)
    client.login(user, password)

    # Upload a folder, wait until it is processed, and see what was found in it.
    dataset = client.upload_dataset("speech", recordings)
    report = client.dataset_report(dataset.id)
    print(f"{report.items_good} of {report.items_found} items are good")

    # Every faulty field of a request is named.
    try:
        client.create_job("whisper-pico", dataset.id, {"max_steps": -1, "optimzer": {}})
    except InvalidRequestError as error:
        print(error)

    # Launch a training, follow it until it learns, and stop it after a checkpoint.
    config = {"max_steps": 200, "log_every_steps": 10, "evaluation": {"base": False}}
    job = client.create_job("whisper-pico", dataset.id, config, name="first", budget={"wall_s": 3600})
    print(next(event.data["loss"] for event in client.watch_job(job.id) if "loss" in event.data))
    client.stop_job(job.id)
    print(client.wait_for_job(job.id).status)

    # Resume it there, follow it to its end, download what it made and check it.
    client.resume_job(job.id)
    job = client.wait_for_job(job.id)
    print(job.status, job.step, client.download_adapter(job.id, Path(os.environ.get("OUT", "build/story-py"))))

    client.delete_job(job.id)
    client.delete_dataset(dataset.id)
    client.logout()
