"""A Python client of the dashboard's API: `DashboardClient`, its errors, and the events of its stream."""

from streamwatch.client.dashboard import DashboardClient
from streamwatch.client.errors import BadQuestion, DashboardUnavailable, NotAllowed, NotFound, Refused
from streamwatch.client.events import Event

__all__ = ["BadQuestion", "DashboardClient", "DashboardUnavailable", "Event", "NotAllowed", "NotFound", "Refused"]
