"""What the chapters of the small course say. Change a word here, and a test that counts on it may fail."""

from dataclasses import dataclass

FULL_SHORT_ANSWERS = {
    "01-first": "A seed swells because it takes up water, and a store of starch feeds the young root.",
    "02-second": "Leaves catch sunlight, and they take carbon dioxide from the air.",
    "03-third": "Nectar attracts bees, and the bees carry pollen to the next flower.",
}
PREMIUM_WORDS = ("anthocyanin", "nectar", "stamen")  # stand in the premium chapter and nowhere else


@dataclass(frozen=True)
class Subject:
    """One chapter's matter."""

    chapter_id: str
    title: str
    sections: tuple[tuple[str, str, str], tuple[str, str, str]]  # id, title, text
    choices: tuple[tuple[str, tuple[str, str, str]], tuple[str, tuple[str, str, str]]]  # question, options
    statement: str
    short_question: str
    points: tuple[tuple[str, list[str], str], tuple[str, list[str], str]]  # id, phrasings, hint
    must_not: list[str]
    model_answers: list[str]


SUBJECTS = (
    Subject(
        chapter_id="01-first",
        title="Seeds",
        sections=(
            (
                "how-seeds-wake",
                "How seeds wake",
                (
                    "A seed sleeps until **water** reaches it. Then it swells, its coat splits and a root appears.\n\n"
                    "```mermaid\nflowchart LR\n  W[water] --> S[swelling] --> R[root]\n```\n\n"
                    "Germination needs water, warmth and air, but for most seeds no light."
                ),
            ),
            (
                "what-seeds-store",
                "What seeds store",
                "Inside the coat lies a store of [starch](starch) and oil. It feeds the seedling until leaves open.",
            ),
        ),
        choices=(
            ("What wakes a seed?", ("Water", "Moonlight", "Frost")),
            ("What feeds a seedling before it has leaves?", ("Sunlight", "Starch in the seed", "Insects")),
        ),
        statement="Most seeds sprout without light.",
        short_question="Why does a seed swell, and what feeds the young root?",
        points=(
            ("water", ["takes up water", "absorbs water", "soaks up water"], "Say what the seed takes up."),
            ("store", ["store of starch", "starch feeds the root"], "Say what the young root lives on."),
        ),
        must_not=["light wakes the seed"],
        model_answers=[
            FULL_SHORT_ANSWERS["01-first"],
            "It absorbs water from the soil, and the store of starch inside it feeds the root.",
            "The seed soaks up water; then starch feeds the root until leaves open.",
        ],
    ),
    Subject(
        chapter_id="02-second",
        title="Leaves",
        sections=(
            (
                "catching-light",
                "Catching light",
                "Chlorophyll in the leaf catches sunlight. Red and blue light are used, green is mostly thrown back.",
            ),
            (
                "making-sugar",
                "Making sugar",
                "Photosynthesis joins carbon dioxide and water to sugar. Pores under the leaf let the gas in.",
            ),
        ),
        choices=(
            ("What catches light in a leaf?", ("Chlorophyll", "Bark", "Sap")),
            ("What does photosynthesis make?", ("Salt", "Sugar", "Iron")),
        ),
        statement="Leaves look green because they throw green light back.",
        short_question="What two things do leaves gather to make sugar?",
        points=(
            ("light", ["catch sunlight", "absorb light", "gather light"], "Say where the energy comes from."),
            ("gas", ["carbon dioxide from the air", "take in carbon dioxide"], "Name the gas."),
        ),
        must_not=["leaves eat soil"],
        model_answers=[
            FULL_SHORT_ANSWERS["02-second"],
            "They absorb light and take in carbon dioxide through their pores.",
            "Leaves gather light, and carbon dioxide from the air comes in below.",
        ],
    ),
    Subject(
        chapter_id="03-third",
        title="Flowers",
        sections=(
            (
                "colours-that-call",
                "Colours that call",
                "Anthocyanin paints petals red and blue. Colour, scent and nectar attract insects.",
            ),
            (
                "carrying-pollen",
                "Carrying pollen",
                "A bee brushes the stamen and carries pollen to the next flower, where a seed begins.",
            ),
        ),
        choices=(
            ("What paints petals red and blue?", ("Anthocyanin", "Rust", "Chalk")),
            ("What do bees carry?", ("Petals", "Pollen", "Roots")),
        ),
        statement="Nectar attracts insects.",
        short_question="How does a flower get its pollen to the next one?",
        points=(
            ("call", ["nectar attracts bees", "nectar attracts insects"], "Say what brings the visitors."),
            ("carry", ["bees carry pollen", "insects carry pollen"], "Say what the visitors do."),
        ),
        must_not=["flowers walk"],
        model_answers=[
            FULL_SHORT_ANSWERS["03-third"],
            "Nectar attracts insects, and the insects carry pollen from flower to flower.",
            "Bees carry pollen from one flower to another, since nectar attracts bees.",
        ],
    ),
)
