"""Courses of any number of chapters, each about an invented harbour: valid, and no two questions alike."""

import json
import random
from pathlib import Path

CONSONANTS = "bcdfgklmnprstvz"
VOWELS = "aeiou"
LETTERS = "abcd"
WORDS = ("harbour", "ware", "buyer", "ship", "tower", "feast", "river", "stone")


def write_generated(folder: Path, chapters: int) -> Path:
    """Write a course of so many chapters, of two sections each, below the folder; returns the folder."""
    ids = [f"{number:03d}-harbour" for number in range(1, chapters + 1)]
    listed = [{"id": one, "tier": "free" if place < 3 else "premium"} for place, one in enumerate(ids)]
    facts = {
        "course_id": "harbours",
        "title": "Harbours",
        "description": f"{chapters} harbours, their wares and their buyers.",
        "language": "en",
        "licence": "CC0-1.0",
        "reviewed_on": "2026-10-01",
        "lengths": {"section": {"minimum": 20, "maximum": 400}, "explanation": {"minimum": 10, "maximum": 100}},
        "chapters": listed,
    }
    _write(folder / "course.yaml", facts)
    _write(folder / "glossary.yaml", {"terms": [{"term": "Ware", "definition": "What a harbour sells."}]})
    for number, chapter_id in enumerate(ids, 1):
        _write_chapter(folder / chapter_id, number, ids[max(0, number - 2) : number - 1])
    return folder


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1))  # every JSON text is YAML too


def _write_chapter(folder: Path, number: int, prerequisites: list[str]) -> None:
    letters = random.Random(number)
    word = {name: "".join(letters.choice(CONSONANTS) + letters.choice(VOWELS) for _ in range(4)) for name in WORDS}
    place = word["harbour"].capitalize()
    facts = {
        "title": f"The harbour of {place}",
        "subtitle": f"Number {number} on the coast",
        "difficulty_level": "beginner",
        "prerequisites": prerequisites,
        "learning_objectives": [f"Tell what {place} sells"],
    }
    _write(folder / "chapter.yaml", facts)
    for order, topic in enumerate(("trade", "town"), 1):
        section = folder / "sections" / f"{order:02d}-{topic}-{number}.md"
        section.parent.mkdir(exist_ok=True)
        section.write_text(_section(topic, number, place, word))
    _write(folder / "quiz.yaml", _quiz(number, place, word))
    _write(folder / "assessments.yaml", _assessments(folder.name, number, place, word))


def _section(topic: str, number: int, place: str, word: dict[str, str]) -> str:
    required = "[]" if topic == "trade" else f"[trade-{number}]"
    return f"""---
title: The {topic} of {place}
teaches: [{topic}-{number}]
requires: {required}
explanations:
  beginner: |
    Ships come to {place} from far away. People there have something good, and others want it very much.
  intermediate: |
    The {topic} grew because {word["ware"]} is found near the river {word["river"]} and nowhere else along this coast.
  advanced: |
    Comparative advantage explains why a harbour specialises. Costs differ from region to region. Both parties benefit
    when each concentrates on what it makes most cheaply, here {word["ware"]}.
---
The people of {place} sell {word["ware"]}. They carry it down the river {word["river"]} and load it onto a
{word["ship"]}, a ship with a flat keel. From there it goes to {word["buyer"]}, where people pay for it in silver.

## What else there is

A tower called {word["tower"]} stands by the water. Each autumn the town holds a feast, the {word["feast"]}, and
everybody brings a {word["stone"]} to the beach.
"""


def _quiz(number: int, place: str, word: dict[str, str]) -> object:
    offers, wants = f"sells {word['ware']}", f"ships to {word['buyer']}"
    tower, feast = f"a tower named {word['tower']}", f"a feast named {word['feast']}"
    return {
        "title": f"Check yourself: {place}",
        "passing_score": 70,
        "questions": [
            *(_choice(number, place, word, n) for n in range(1, 6)),
            *(_statement(number, place, word, n) for n in range(6, 9)),
            _short(number, "trade", f"What does {place} have to offer, and who wants it?", offers, wants),
            _short(number, "town", f"Describe two sights of {place}.", tower, feast),
        ],
    }


def _choice(number: int, place: str, word: dict[str, str], n: int) -> object:
    right = LETTERS[n % 4]
    asked = list(word)[n]
    names = iter(name for name in word.values() if name != word[asked])
    options = [{"id": one, "text": word[asked] if one == right else next(names)} for one in LETTERS]
    return {
        "id": f"q{n}",
        "type": "multiple-choice",
        "section": f"trade-{number}",
        "concept": f"trade-{number}",
        "text": f"What is the {asked} of {place} called?",
        "answer": right,
        "options": [{**one, "explanation": f"{one['text']} is told in the section."} for one in options],
    }


def _statement(number: int, place: str, word: dict[str, str], n: int) -> object:
    return {
        "id": f"q{n}",
        "type": "true-false",
        "section": f"town-{number}",
        "concept": f"town-{number}",
        "text": f"Statement {n}: the tower of {place} is {word['tower'] if n == 7 else word['stone']}.",
        "answer": n == 7,
        "explanation_right": "Well seen.",
        "explanation_wrong": "Look at the tower again.",
    }


def _short(number: int, topic: str, text: str, first: str, second: str) -> object:
    known, famous = f"known for {first.rpartition(' ')[2]}", f"famous for {second.rpartition(' ')[2]}"
    return {
        "id": "q9" if topic == "trade" else "q10",
        "type": "short-answer",
        "section": f"{topic}-{number}",
        "concept": f"{topic}-{number}",
        "text": text,
        "points": [
            {"id": "first", "points": 5, "phrasings": [first, known], "missing": "What is first?"},
            {"id": "second", "points": 5, "phrasings": [second, famous], "missing": "And then?"},
        ],
        "must_not": [],
        "model_answers": [
            f"There it is {first}, and it is {second}.",
            f"It is {known}, and it is {second}.",
            f"It is {famous}, and it is {first}.",
        ],
        "explanation": f"It is {first} and {second}.",
    }


def _assessments(chapter_id: str, number: int, place: str, word: dict[str, str]) -> object:
    return {
        "questions": [
            {
                "id": f"{chapter_id}-q{n}",
                "section": f"trade-{number}",
                "concept": f"trade-{number}",
                "difficulty_level": "beginner",
                "text": f"Question {n}: why do ships come to {place}?",
                "expected_length": {"minimum_words": 10, "maximum_words": 100},
                "criteria": [
                    {
                        "id": f"idea-{place_in_list}",
                        "name": f"Names idea {place_in_list}",
                        "points": points,
                        "section": f"trade-{number}",
                        "levels": {"full": "Names it and says why.", "partial": "Names it.", "none": "Does not."},
                    }
                    for place_in_list, points in enumerate((3, 3, 2, 2), 1)
                ],
                "excellent_example": f"Ships come for the {word['ware']} that is found there and sold abroad.",
                "poor_example": "The weather is nice.",
            }
            for n in range(1, 4)
        ]
    }
