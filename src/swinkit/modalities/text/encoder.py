"""Text to ids and back, as a tokenizer JSON of the `tokenizers` library says; what it says is learnt from texts."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from swinkit.files import ConfigError, MissingExtra

Kind = Literal["words", "bpe", "bytes"]
SPECIAL = ("[PAD]", "[UNK]", "[MASK]")
PAD, UNKNOWN, MASK = range(3)
WORDS = r"\w+|[^\w\s]"
"""A word is a row of letters and digits, or one other sign."""
LEAST = 2
"""Training texts hold a known word so often at least: of rarer ones nothing is learnt but that they are rare."""
CACHED = 1 << 16


class Encoded(NamedTuple):
    """A text as ids."""

    ids: list[list[int]]
    """[tokens][1 + grams + pairs] the token, then parts of its word, 0 where there are no more, then the pair that it
    makes with the one before."""
    starts: list[int]
    """The first token of every word that was given."""


class Parts(NamedTuple):
    """What is hashed beside the token: `count` parts of its word, and the pair with the word before."""

    count: int = 0
    pairs: bool = False
    first: int = 0
    """The first of the ids of hashes."""
    buckets: int = 1
    """How many there are."""

    @property
    def channels(self) -> int:
        """Ids of a cell."""
        return 1 + self.count + self.pairs

    def of_word(self, word: str) -> list[int]:
        """`count` ids: of the word, its beginnings, its ends, then of what lies between (Bojanowski et al. 2017)."""
        whole = f"<{word.lower()}>"
        ends = [part for n in (3, 4, 5) for part in (whole[:n], whole[-n:])]
        inner = [whole[start : start + n] for n in (4, 5, 3) for start in range(1, len(whole) - n)]
        parts = list(dict.fromkeys(part for part in (whole, *ends, *inner) if len(part) > 2))[: self.count]
        return [self.hashed(part) for part in parts] + [PAD] * (self.count - len(parts))

    def hashed(self, text: str) -> int:
        """The id of a text."""
        return self.first + zlib.crc32(text.encode()) % self.buckets


class Encoder:
    """One tokenizer, and hashed parts of words beside it."""

    def __init__(self, content: bytes, parts: Parts) -> None:
        """
        Args:
            content: a tokenizer JSON.

        Raises:
            ConfigError: the content is no tokenizer.
        """
        try:
            self._tokenizer = _library().Tokenizer.from_str(content.decode())
        except MissingExtra:
            raise
        except Exception as error:  # noqa: BLE001  the library raises plain exceptions
            raise ConfigError(f"is no tokenizer JSON: {str(error)[:120]}") from error
        self._made_of = (content, parts)
        self.size: int = self._tokenizer.get_vocab_size()
        self._decoder = self._tokenizer.decoder
        self._grams = lru_cache(CACHED)(parts.of_word)
        self._pairs = parts.pairs
        self._parts = parts

    def __reduce__(self) -> tuple[Any, ...]:  # to loader workers and training processes
        return (Encoder, self._made_of)

    def __call__(self, text: str | Sequence[str]) -> Encoded:
        """The ids of a text, or of a text that is cut into words already."""
        words = isinstance(text, (list, tuple))
        encoding = self._tokenizer.encode(_clean(text), is_pretokenized=words, add_special_tokens=False)
        given = [_clean(word) for word in text] if words else None
        ids: list[list[int]] = []
        whole, before = _clean(text) if given is None else "", ""
        for token, word, (start, stop) in zip(encoding.ids, encoding.word_ids, encoding.offsets, strict=True):
            part = (whole if given is None else given[word])[start:stop]
            ids.append([token, *self._grams(part)] if self._parts.count else [token])
            if self._pairs:
                ids[-1].append(self._parts.hashed(f"{before} {part.lower()}"))
                before = part.lower()
        starts: dict[int, int] = {}
        for place, word in enumerate(encoding.word_ids):
            starts.setdefault(word, place)
        if given is not None and len(starts) < len(given):  # the tokenizer has nothing for a word of odd signs
            return self._each(given)
        return Encoded(ids, [starts[word] for word in range(len(given or ()))])

    def _each(self, words: Sequence[str]) -> Encoded:
        """Words one by one: one without a token is unknown."""
        ids: list[list[int]] = []
        starts: list[int] = []
        for word in words:
            starts.append(len(ids))
            ids += self(word).ids or [[UNKNOWN] + [PAD] * (self._parts.channels - 1)]
        return Encoded(ids, starts)

    def text(self, ids: Sequence[int]) -> str:
        """A text of these tokens: the same one for bytes and BPE that keep cases, a readable one for words."""
        kept = [token for token in ids if token != PAD]
        if self._decoder is not None and not {UNKNOWN, MASK} & set(kept):
            return self._tokenizer.decode(kept, skip_special_tokens=False)
        return " ".join(self._tokenizer.id_to_token(token) or "?" for token in kept)


def learn(kind: Kind, texts: Iterable[str], size: int, *, lower: bool) -> bytes:
    """The tokenizer JSON of texts, of `size` ids at most; the same texts give the same one.

    `words`: the most frequent words, digits alike; `bpe`: byte pairs joined by frequency (Sennrich et al. 2016) over
    bytes, so that no text is unknown; `bytes`: those alone, for which nothing is learnt.
    """
    library = _library()
    models, pre, trainers = library.models, library.pre_tokenizers, library.trainers
    normalizers: list[Any] = [library.normalizers.Lowercase()] if lower else []
    special: dict[str, Any] = {"special_tokens": list(SPECIAL), "show_progress": False}
    clean = (_clean(text) for text in texts)
    if kind == "words":
        tokenizer = library.Tokenizer(models.WordLevel(unk_token=SPECIAL[UNKNOWN]))
        normalizers.append(library.normalizers.Replace(library.Regex(r"\d"), "0"))
        tokenizer.pre_tokenizer = pre.Split(library.Regex(WORDS), "removed", invert=True)
        trainer = trainers.WordLevelTrainer(vocab_size=size, min_frequency=LEAST, **special)
    else:
        tokenizer = library.Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre.ByteLevel(add_prefix_space=kind == "bpe")
        tokenizer.decoder = library.decoders.ByteLevel()
        alphabet = sorted(pre.ByteLevel.alphabet())
        most = len(SPECIAL) + len(alphabet) if kind == "bytes" else size
        trainer = trainers.BpeTrainer(vocab_size=most, initial_alphabet=alphabet, **special)
        clean = iter(()) if kind == "bytes" else clean
    if normalizers:
        tokenizer.normalizer = library.normalizers.Sequence(normalizers)
    tokenizer.train_from_iterator(clean, trainer)
    return tokenizer.to_str().encode()


def _clean(text: Any) -> Any:
    """Text that is UTF-8: half characters, which the tokenizers refuse, become question marks."""
    if isinstance(text, str):
        return text.encode("utf-8", "replace").decode()
    return [_clean(word) for word in text]


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtra("tokenizers", "text") from error
    return tokenizers
