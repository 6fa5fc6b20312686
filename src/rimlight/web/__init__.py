"""Pages for the browser on this machine: the server, who may use it, pictures, the panel."""
