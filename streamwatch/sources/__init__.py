"""Where documents come from: files read into rows, a synthetic day, and `replay`, which plays rows into the broker.

A source judges nothing. What cannot be a document is sent on as it is, and the worker's dead-letter channel says why.
"""
