"""The engine: audio, data, models, adapters, tasks, the training loop, metrics. Plain PyTorch."""

import logging

# Must run before bitsandbytes is imported: on processors with AVX512-BF16 its import warns about faster kernels that it
# may not download from a hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(lambda record: "kernels-community" not in str(record.msg))
