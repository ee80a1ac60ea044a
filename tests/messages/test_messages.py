from controller.messages import LANGUAGES, load_catalogue


def test_every_message_has_every_language() -> None:
    keys = {language: set(load_catalogue(language).texts) for language in LANGUAGES}
    assert keys["ja"] == keys["en"]
    assert all(text.strip() for language in LANGUAGES for text in load_catalogue(language).texts.values())
    assert load_catalogue("ja")["assessments.line-down"] == "回線断"
