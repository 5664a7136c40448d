"""Every message to a customer: consent, rules, outbox, transports, confirmation."""
