from tests.intelligence.assessments.fixtures import model, published_course, v2_database, world

__all__ = ["model", "published_course", "v2_database", "world"]
