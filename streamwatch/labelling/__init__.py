"""Documents that people should label: which are drawn, who is given which, what they answer, and how far they agree."""
