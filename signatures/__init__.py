"""Documents for signature: sent, signed, locked."""
