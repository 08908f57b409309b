"""The picture that a network starts from: the low-light input, or the input brought to a usual brightness."""

from typing import Literal

from torch import Tensor

FirstGuess = Literal["input", "mean"]


class Guess:
    """Makes the first guess.

    Source: ours (`mean`); the released code starts from the low-light picture itself (`input`).
    """

    def __init__(self, kind: FirstGuess, mean: float, gain_limit: float, ceiling: float) -> None:
        """Set up the guess.

        Args:
            kind: `input` takes the low-light picture itself, `mean` brings it to a mean by the gain that the WHOLE
                picture needs.
            mean: mean of the whole picture after the gain, in display values.
            gain_limit: largest gain.
            ceiling: the guess is cut off above this value.

        Raises:
            ValueError: `kind` is unknown.
        """
        if kind not in ("input", "mean"):
            raise ValueError(f"network.first_guess is {kind!r}; use 'input' or 'mean'")
        self.kind, self.mean, self.gain_limit, self.ceiling = kind, mean, gain_limit, ceiling

    def __call__(self, low: Tensor, low_mean: Tensor | None = None) -> Tensor:
        """The guess for low-light pictures `(N, C, H, W)` in [0, 1].

        Args:
            low: the pictures, or crops or tiles of them.
            low_mean: `(N,)`, the means of the WHOLE pictures; by default those of `low`.
        """
        if self.kind == "input":
            return low
        mean = low.mean(dim=(1, 2, 3)) if low_mean is None else low_mean.to(low)
        gain = (self.mean / mean.clamp(min=1e-6)).clamp(max=self.gain_limit)
        return (low * gain[:, None, None, None]).clamp(max=self.ceiling)
