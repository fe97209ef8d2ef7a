"""What runs inside the Faust worker: agents, and the services beside them. Only this package imports faust."""
