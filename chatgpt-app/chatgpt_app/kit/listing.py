"""What an author writes of the listing, `manifest.yaml`, within the directory's limits."""

from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Category = Literal[
    "Productivity", "Creativity", "Developer Tools", "Business & Operations", "Data & Analytics", "Communication",
    "Education & Research", "Security", "Finance", "Healthcare", "Travel", "Entertainment", "Other",
]  # fmt: skip


def _one_line(text: str) -> str:
    if len(text.splitlines()) > 1:
        raise ValueError("must fit on one line")
    return text


def _without_repetition(texts: list[str]) -> list[str]:
    if len({" ".join(text.split()).casefold() for text in texts}) < len(texts):
        raise ValueError("holds the same text twice")
    return texts


Text = Annotated[str, Field(min_length=1)]
Line = Annotated[Text, AfterValidator(_one_line)]
Short = Annotated[Line, Field(max_length=30)]
Prompt = Annotated[Line, Field(max_length=128)]


class Case(BaseModel):
    """A prompt a reviewer tries on the demo account, the call it leads to, and why that is right."""

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt
    tool: Text
    arguments: dict[str, Any]
    says: Text
    why: Text


class Outside(BaseModel):
    """A prompt close to what the app does, for which no tool is called; the course says nothing of its ``subject``."""

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt
    subject: Line
    why: Text


class Listing(BaseModel):
    """What the directory shows, and what its reviewers read."""

    model_config = ConfigDict(extra="forbid")

    name: Short
    short_description: Short
    long_description: Annotated[Text, Field(max_length=4000)]
    category: Category
    capabilities: Annotated[list[Annotated[Line, Field(max_length=120)]], Field(max_length=20)]
    keywords: Annotated[list[Line], AfterValidator(_without_repetition)]
    starter_prompts: Annotated[list[Prompt], Field(max_length=3), AfterValidator(_without_repetition)]
    commerce: Line
    release_notes: Annotated[Text, Field(max_length=4000)]
    positive_cases: Annotated[list[Case], Field(min_length=5, max_length=5)]
    negative_cases: Annotated[list[Outside], Field(min_length=3, max_length=3)]


def listing() -> Listing:
    """The authored listing; raises pydantic's ValidationError when it is outside the limits."""
    text = (files("chatgpt_app") / "manifest.yaml").read_text(encoding="utf-8")
    return Listing.model_validate(yaml.safe_load(text))
