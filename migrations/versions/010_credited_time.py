"""Up to when a student's reading time was credited: one moment for all chapters, so that no minute counts twice."""

from alembic import op

revision = "010_credited_time"
down_revision = "009_grade_reviews"
branch_labels = None
depends_on = None

# What was credited before this revision reached no further than the latest activity of a chapter with time in it.
FROM_CHAPTERS = """
UPDATE students SET time_credited_until = latest.activity
FROM (SELECT student_id, max(last_activity_at) AS activity FROM chapter_progress WHERE time_spent_seconds > 0
      GROUP BY student_id) AS latest
WHERE latest.student_id = students.student_id
"""


def upgrade() -> None:
    op.execute("ALTER TABLE students ADD COLUMN time_credited_until timestamptz")
    op.execute(FROM_CHAPTERS)


def downgrade() -> None:
    op.execute("ALTER TABLE students DROP COLUMN time_credited_until")
