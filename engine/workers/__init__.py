"""Recognition in processes of its own: the pool that the gateway holds, and the worker at the other end of the wire."""
