"""Pictures and their masks on the way into training: found, checked, altered in pairs, batched."""
