"""Commands that make the site, the editions, the decks and the handouts from the notebooks."""
