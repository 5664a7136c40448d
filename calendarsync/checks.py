"""Django system checks: settings of calendars that are incomplete or cannot work are told at once."""
