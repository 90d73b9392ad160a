"""What the tables have in common."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

USD = Numeric(20, 12)


class Table(DeclarativeBase):
    """What every table shares: names of constraints, and the PostgreSQL type of each Python type."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it as a plain class attribute
        str: Text,
        UUID: Uuid,
        int: Integer,
        date: Date,
        datetime: TIMESTAMP(timezone=True),
        Decimal: USD,
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Student(Table):
    """Core's table, here only so that foreign keys have something to point at. Its rows can not be read from here."""

    __tablename__ = "students"
    __table_args__ = ({"info": {"stub": True}},)

    student_id: Mapped[UUID] = mapped_column(primary_key=True)


def student(*, on_delete: str = "CASCADE", primary_key: bool = False) -> Mapped[UUID]:
    """The student a row belongs to."""
    return mapped_column(ForeignKey("students.student_id", ondelete=on_delete), primary_key=primary_key)


def student_or_none(*, on_delete: str) -> Mapped[UUID | None]:
    """The student a row is about, or none once the account is gone."""
    return mapped_column(ForeignKey("students.student_id", ondelete=on_delete))


def new_id() -> Mapped[UUID]:
    """A primary key that PostgreSQL makes."""
    return mapped_column(primary_key=True, server_default=func.gen_random_uuid())


def written_now() -> Mapped[datetime]:
    """The moment a row was written, by PostgreSQL's clock."""
    return mapped_column(server_default=func.now())


def zero() -> Mapped[int]:
    """A counter."""
    return mapped_column(server_default=text("0"))


def no_money() -> Mapped[Decimal]:
    """A sum of US dollars."""
    return mapped_column(server_default=text("0"))
