"""The piece of a text that shows best why it was found. Pure."""

LENGTH = 200
LEAD = 60  # characters of context before the first hit, at most

Span = tuple[int, int]


def snippet(text: str, matched: list[Span], *, length: int = LENGTH) -> str:
    """About ``length`` characters of ``text`` around most of the matches, which stand in ``**``; `…` where it was cut.

    ``matched`` are places in ``text`` in ascending order; without any, the snippet is the beginning.
    """
    start = _best_start(text, matched, length)
    end = _word_end(text, start + length)
    piece, position = "", start
    for first, last in _joined(text, [span for span in matched if start <= span[0] and span[1] <= end]):
        piece += f"{text[position:first]}**{text[first:last]}**"
        position = last
    piece += text[position:end]
    return f"{'… ' if start else ''}{piece.strip()}{' …' if end < len(text) else ''}"


def _best_start(text: str, matched: list[Span], length: int) -> int:
    """Where the window with the most different matched words begins: with their sentence, or a little before them."""
    most, chosen = 0, 0
    for first, _ in matched:
        sentence = text.rfind(". ", max(0, first - LEAD), first)
        start = sentence + len(". ") if sentence >= 0 else text.rfind(" ", 0, max(0, first - LEAD)) + 1
        inside = {text[a:b].casefold() for a, b in matched if first <= a and b <= start + length}
        if len(inside) > most:
            most, chosen = len(inside), start
    return chosen


def _word_end(text: str, position: int) -> int:
    """The end of the last whole word before ``position``."""
    if position >= len(text):
        return len(text)
    return max(text.rfind(" ", 0, position + 1), 0) or position


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """Matches with only a space or a hyphen between them made one."""
    joined: list[Span] = []
    for first, last in spans:
        if joined and text[joined[-1][1] : first] in {" ", "-"}:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
