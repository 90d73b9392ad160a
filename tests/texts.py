"""Any text at all, for property tests."""

from hypothesis import strategies as st

# The letters of st.text(): every one that UTF-8 can hold. Hypothesis would look for these by trying a million of them,
# which takes as long as the longest tests where coverage traces every call.
ANY_LETTER = st.characters(exclude_categories=["Cs"])


def any_text(max_size: int | None = None) -> st.SearchStrategy[str]:
    """Texts of up to so many letters."""
    return st.text(ANY_LETTER, max_size=max_size)
