"""The nouns, who may do what, staff sign-in, and the record of every change; knows no schedule and no provider."""
