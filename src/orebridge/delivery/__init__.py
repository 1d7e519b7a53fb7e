"""The delivery plan: what each member gets, makes, ships, releases and does without, month by month, in four ways."""
