"""The widgets: one self-contained HTML document each, put together from shared parts when the app starts."""

from functools import lru_cache
from importlib.resources import files

# A host keeps a widget by its URI for ever: raise the number when the widget changes after it was published.
VERSIONS = {"course": 1, "lesson": 1, "quiz": 1, "progress": 1, "path": 1, "feedback": 1}
TITLES = {
    "course": "The course",
    "lesson": "Chapter",
    "quiz": "Quiz",
    "progress": "Your progress",
    "path": "Your learning path",
    "feedback": "Your feedback",
}
DESCRIPTIONS = {
    "course": "Cards of every chapter with the learner's standing; do not list the chapters again.",
    "lesson": "A chapter's objectives and sections with buttons to read on; do not repeat the outline.",
    "quiz": "The quiz, one question at a time; do not print the questions as well, and give no hints.",
    "progress": "Progress bars, streak and calendar; add one encouraging sentence, do not repeat the numbers.",
    "path": "The steps of the learning path with their reasons; do not repeat them.",
    "feedback": (
        "Score, criteria with quotes, strengths and improvements; help with the next improvement instead of repeating."
    ),
}


def widget_uri(name: str) -> str:
    """The address of a widget."""
    return f"ui://course/{name}-v{VERSIONS[name]}.html"


@lru_cache
def widget_html(name: str) -> str:
    """A widget as one document that needs nothing else."""
    parts = {part: _text(part) for part in ("frame.html", "shared.css", "bridge.js")}
    return (
        parts["frame.html"]
        .replace("__TITLE__", TITLES[name])
        .replace("__STYLE__", parts["shared.css"])
        .replace("__SCRIPT__", parts["bridge.js"] + _text(f"{name}.js"))
    )


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
