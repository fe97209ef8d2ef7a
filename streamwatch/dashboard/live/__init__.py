"""What moves while somebody looks: channels folded as they grow, what is written to them, and the events that pages follow."""
