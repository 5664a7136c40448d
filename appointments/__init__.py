"""The nouns and the record of every change; knows no screen and no provider."""
