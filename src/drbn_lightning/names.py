"""Names that commands, configuration and files share."""

STAGES = ("band", "quality", "recompose")
"""Stages 1, 2a and 2b, in the order in which they are trained."""

ENHANCING_STAGES = ("band", "recompose")
"""Stages whose networks enhance images, the later ones on top of the earlier ones."""

RUNTIMES = ("auto", "torch", "onnx", "openvino")
"""What runs a network; `auto` is the fastest for the job at hand."""

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""With how many bits it computes; `auto` is the fastest that an image does not show."""

DEFAULT_NETWORK = "drbn_small"
"""The pretrained network that every command, the page and Python take where none is named."""
