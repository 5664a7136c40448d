"""The sample organisation: people, programs and three believable weeks around today, the same on every machine."""
