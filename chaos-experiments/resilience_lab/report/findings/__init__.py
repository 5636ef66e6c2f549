"""Pure functions from the data of a phase to the numbers of the text and the figures."""
