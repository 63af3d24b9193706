"""Kinds of jobs: what each is asked, checks at launch, runs and leaves."""
