#!/bin/sh
# The whole story by `lim`: sign up, upload, inspect, launch, follow, stop, resume, download, delete.
# LIM_URL names the platform (default: this machine), LIM_PASSWORD holds the password, RECORDINGS a folder of speech.
set -eu
recordings=${RECORDINGS:-engine/data/bundled/demo-speech}

# Sign up and log in; the key is kept for the commands that follow.
lim login "${LIM_USER:-ada}" --signup "${LIM_USER:-ada}@example.org"
lim whoami

# Upload a folder and wait until it is processed; then see what was found in it.
lim datasets upload "$recordings" --name speech
lim datasets report speech
lim datasets items speech --limit 3

# What would a training take?
lim jobs estimate --dataset speech --set max_steps=200

# Launch a training, and follow the first of its events as JSON.
job=$(lim jobs launch --dataset speech --name first --set max_steps=200 --set log_every_steps=10 \
    --set "evaluation={base: false}" --detach)
lim jobs follow first --json | grep -m 1 '"step": 10'

# Stop it after a checkpoint, resume it there, and follow it to its end.
lim jobs stop "$job"
lim jobs resume "$job"
lim jobs logs first
lim jobs artifacts first

# Name what came of it, download and check it, and transcribe with it.
lim adapters create digits
lim adapters add-version digits first
lim adapters download digits "${OUT:-build/story-sh}"
lim transcribe "$recordings" --adapter "${OUT:-build/story-sh}"

# Delete everything again.
lim adapters delete digits --yes
lim jobs delete first --yes
lim datasets delete speech --yes
lim logout
