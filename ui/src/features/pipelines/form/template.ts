/** The declaration that a new pipeline starts from: the same as a file for `lim pipelines launch`. */
export const TEMPLATE = `# The training of every stage that has none of its own. What is not said here has its default.
config:
  max_steps: 200
  method: {type: qlora, rank: 16, alpha: 32}

# A stage begins when all that it needs have succeeded; without needs it waits for the one before it.
stages:
  - type: ingest                    # waits until the dataset is ready
  - type: validate                  # refuses recordings that would spoil the result
    least_utterances: 50
    refuse: [leakage]
  - type: train
    retry: {attempts: 3, backoff_s: 10}
  - type: evaluate
  - type: compare                   # lets pass what is better than the base
    gates:
      - better_than_base: true
  - type: export                    # makes a version of an adapter
`;
