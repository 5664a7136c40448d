"""From appointment to settled payment: services, charges, invoices, ledger."""
