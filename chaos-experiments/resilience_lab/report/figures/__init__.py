"""The figures: each module draws one kind, from findings and data, and titles it with what it shows."""
