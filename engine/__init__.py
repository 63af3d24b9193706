"""What the work is: audio, data, models, adapters, tasks, the training loop, metrics. Plain PyTorch."""

import logging

# Before anything imports bitsandbytes: on processors with AVX512-BF16 it warns, when it is imported, that it found no
# faster kernels on a hub, to which it may not go.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(lambda record: "kernels-community" not in str(record.msg))
