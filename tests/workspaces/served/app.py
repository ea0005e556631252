"""A tiny application: `python app.py PORT`; what it is told by variables is for faults."""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers /health and /, ends itself at /die, and knows nothing else."""

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/die":
            print("I have had enough,", os.environ.get("TOKEN", "nobody"))
            os._exit(3)
        self.send_response({"/": 200, "/health": int(os.environ.get("HEALTH", "200"))}.get(self.path, 404))
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>The shop</title><h1>Tea</h1>")


print("listening to", sys.argv[1], threading.active_count(), "thread(s)")
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
