"""What a network is asked to get right: labels, whose reading a text calls for, what is none of the topics, a teacher's word."""
