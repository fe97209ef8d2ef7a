"""The API: one module a noun, each with `router(desk)`."""
