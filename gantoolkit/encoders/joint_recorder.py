"""Read a diffusion transformer from the inside: h, f and a of one forward pass.

Its blocks attend over image tokens and text tokens together. Consecutive blocks form N groups:

    h   what enters the first block of the first group, as a map
    f   what leaves the last block of each group, with the ControlNet's residual
    a   of all attentions of a group: what image tokens get from them, and how much of the attention
        of an image token goes to each text token; the maximum over the group's blocks

The attention itself stays as it is. Its queries and keys are seen on their way into torch's
`scaled_dot_product_attention`, which all of these networks call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gantoolkit.core.suggest import check_choice
from gantoolkit.encoders.recorder import Recorder, as_map

HEADS = ("max", "mean")
MASSES = ("raw", "text")
QUERIES = 128  # image tokens whose scores are computed at a time
ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale")


class JointRecorder(Recorder):
    """Record a transformer whose blocks have a joint attention `attn`.

    blocks      all of its joint blocks, in order
    end         the module that reads the image tokens after the last block
    groups      N tuples of indices of consecutive blocks
    size        rows and columns of image tokens
    text_first  whether the text comes before the image in the joint sequence (FLUX)
    samples     the part of the batch to keep, such as the conditional half under guidance
    only_h      stop the forward once h is known
    heads       'max' or 'mean' of the probabilities over heads
    mass        'raw': the share of the whole attention that goes to a text token;
                'text': its share of what goes to the text, which sums to 1 over the text
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        end: nn.Module,
        groups: Sequence[Sequence[int]],
        size: tuple[int, int],
        text_first: bool = False,
        samples: slice = slice(None),
        only_h: bool = False,
        heads: Literal["max", "mean"] = "max",
        mass: Literal["raw", "text"] = "raw",
    ):
        self.modules = [*blocks, end]
        self.groups = groups
        self.size = size
        self.text_first = text_first
        self.heads = heads
        self.mass = mass
        self._probabilities: Tensor | None = None  # of the attention that is being computed
        super().__init__(len(groups), samples, only_h)

    def _attach(self) -> None:
        first = self.groups[0][0]
        self._before(self.modules[first], self._record_h)
        for index, group in enumerate(self.groups):
            self._before(self.modules[group[-1] + 1], self._end_hook(index))
            for number in group:
                self._observe(self.modules[number].attn, index)

    def _before(self, module: nn.Module, record: Callable) -> None:
        self._undo.append(module.register_forward_pre_hook(record, with_kwargs=True).remove)

    def _observe(self, attn: nn.Module, index: int) -> None:
        """Watch the one attention that `attn` computes in a forward pass."""
        watch = AttentionWatch(self._record_probabilities)

        def start(module, args):
            watch.__enter__()

        def stop(module, args, output):
            watch.__exit__(None, None, None)
            if output is not None:
                self._record_output(index, output)

        self._undo.append(attn.register_forward_pre_hook(start).remove)
        self._undo.append(attn.register_forward_hook(stop, always_call=True).remove)

    def _record_h(self, module, args, kwargs) -> None:
        self._start(self._image_map(entering(args, kwargs)))

    def _end_hook(self, index: int):
        def record(module, args, kwargs):
            block = self.blocks[index]
            block.size = self.size
            block.f = self._image_map(entering(args, kwargs)).float()

        return record

    def _image_map(self, tokens: Tensor) -> Tensor:
        return as_map(tokens[self.samples], self.size)

    def _record_probabilities(self, query: Tensor, key: Tensor, scale: float | None) -> None:
        """Keep what a joint attention [B,heads,N+T,d] gives to the text, as [B,1,N,T]."""
        image, text = self._split(query.shape[2])
        query = query[self.samples, :, image]
        probabilities = text_attention(query, key[self.samples], text, scale, self.heads, self.mass)
        self._probabilities = probabilities

    def _record_output(self, index: int, output) -> None:
        tokens = output[0] if isinstance(output, tuple) else output
        rows, columns = self.size
        if tokens.shape[1] != rows * columns:  # FLUX's single blocks keep both streams together
            tokens = tokens[:, self._split(tokens.shape[1])[0]]
        self.blocks[index].add(tokens[self.samples], self._probabilities)

    def _split(self, length: int) -> tuple[slice, slice]:
        """Where the image and the text are in a joint sequence."""
        rows, columns = self.size
        image_tokens = rows * columns
        if self.text_first:
            text_tokens = length - image_tokens
            return slice(text_tokens, None), slice(text_tokens)
        return slice(image_tokens), slice(image_tokens, None)


class AttentionWatch(TorchFunctionMode):
    """Tell `record(query, key, scale)` of every scaled_dot_product_attention in a block."""

    def __init__(self, record: Callable[[Tensor, Tensor, float | None], None]):
        super().__init__()
        self.record = record

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is F.scaled_dot_product_attention:
            call = dict(zip(ARGUMENTS, args)) | kwargs
            if call.get("attn_mask") is not None:
                raise NotImplementedError("An attention with a mask cannot be recorded.")
            self.record(call["query"], call["key"], call.get("scale"))
        return function(*args, **kwargs)


def text_attention(
    query: Tensor, key: Tensor, text: slice, scale: float | None, heads: str, mass: str
) -> Tensor:
    """Return the attention [B,1,N,T] of image tokens to text tokens, over heads.

    query  [B,heads,N,d] of the image tokens
    key    [B,heads,S,d] of the whole sequence, of which `text` is the text
    scale  of the scores; None: 1/√d
    heads, mass  as of JointRecorder

    Scores of all tokens are only there for a few queries at a time.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    key = key.float().transpose(-1, -2) * scale
    reduce = torch.amax if heads == "max" else torch.mean
    parts = []
    for queries in query.split(QUERIES, 2):
        scores = queries.float() @ key
        text_scores = scores[..., text]
        compared = text_scores if mass == "text" else scores
        probabilities = (text_scores - compared.logsumexp(-1, keepdim=True)).exp()
        parts.append(reduce(probabilities, 1, keepdim=True))
    return torch.cat(parts, 2)


def check_switches(heads: str, mass: str) -> None:
    """Refuse a reduction over heads or a mass that JointRecorder does not know."""
    check_choice("heads", heads, HEADS)
    check_choice("mass", mass, MASSES)


def even_groups(first: int, depth: int, count: int) -> tuple[tuple[int, ...], ...]:
    """Share the blocks from `first` up to `depth` among `count` groups; later ones get the rest.

    >>> even_groups(3, 8, 2)
    ((3, 4), (5, 6, 7))
    """
    bounds = [first + (depth - first) * index // count for index in range(count + 1)]
    return tuple(tuple(range(start, stop)) for start, stop in zip(bounds, bounds[1:]))


def entering(args: tuple, kwargs: dict) -> Tensor:
    """Return the hidden states that enter a block of diffusers, by position or by keyword."""
    return kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
