"""Where a student was when a day was earned, so that travel over the date line breaks no streak."""

from alembic import op

revision = "008_activity_zones"
down_revision = "007_oauth"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null for the days earned before this revision: those count by their dates alone.
    op.execute("ALTER TABLE activity_days ADD COLUMN earned_at timestamptz, ADD COLUMN timezone text")


def downgrade() -> None:
    op.execute("ALTER TABLE activity_days DROP COLUMN earned_at, DROP COLUMN timezone")
