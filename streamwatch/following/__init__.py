"""Reading channels that people and programs follow: `alerts`, `decisions`, `labels`, from their start or as they grow."""
