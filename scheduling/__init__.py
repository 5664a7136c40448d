"""Staff side: hours, open times, booking rules, the Day Scheduler. Sets consequences in motion."""
