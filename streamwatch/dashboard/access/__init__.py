"""Who may ask what: the ways in (this machine, keys, an identity provider), roles, sessions, limits, headers, the audit trail.

A request passes the guard (`guard.Guard`) before any route: it says who asks, or refuses. A route says which role it needs
(`required.needs`); one that says nothing is not served at all, and the application does not start.
"""
