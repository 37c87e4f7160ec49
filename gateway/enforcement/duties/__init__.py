"""Duties: what a permit asks for later, its deadline, who keeps it, and what becomes of the case if nobody does."""
