"""The demo: a real broker, a real Redis and a real worker on loopback, a stream played into them, and a screen."""
