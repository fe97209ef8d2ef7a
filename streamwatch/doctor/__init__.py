"""Look at everything that a worker needs, and say what to do about what is wrong.

Each check looks at one thing and yields findings; none changes anything but a key of its own in Redis. A check that
fails never stops the others. `streamwatch doctor` shows what they say.
"""

from streamwatch.doctor.examination import CHECKS, examine
from streamwatch.doctor.finding import Finding

__all__ = ["CHECKS", "Finding", "examine"]
