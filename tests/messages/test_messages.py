from controller.messages import LANGUAGES, catalogue


def test_every_message_has_every_language() -> None:
    keys = {language: set(catalogue(language).texts) for language in LANGUAGES}
    assert keys["ja"] == keys["en"]
    assert all(text.strip() for language in LANGUAGES for text in catalogue(language).texts.values())
    assert catalogue("ja")["assessments.line-down"] == "回線断"
