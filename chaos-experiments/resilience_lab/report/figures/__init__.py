"""The figures: each module draws one kind, with its finding as the title."""
