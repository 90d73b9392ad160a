from tests.intelligence.assessments.fixtures import core, model, published_course, v2_database, world

__all__ = ["core", "model", "published_course", "v2_database", "world"]
