"""Filters of the manager's templates."""

from moziweb.manager.web.template_filters import readable_value


def test_roles_are_translated_and_other_fields_are_formatted() -> None:
    def translate(text: str) -> str:
        return f"<{text}>"

    assert readable_value("admin", "role", translate) == "<administrator>"
    assert readable_value("", "role", translate) == ""
    assert readable_value("2026 festival", "premieres", translate) == "2026 <festival screening>"
