"""A Lambda endpoint: `echo` returns its input, `fails` raises, `gone` does not exist. Prints its port."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Functions(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"
        name = self.path.split("/functions/")[1].split("/invocations")[0]
        status, headers = 200, {"X-Amz-Executed-Version": "$LATEST", "x-amzn-RequestId": "r-1"}
        if "fails" in name:
            body = json.dumps({"errorType": "Exception", "errorMessage": "as asked"}).encode()
            headers["X-Amz-Function-Error"] = "Unhandled"
        elif "gone" in name:
            body = json.dumps({"Type": "User", "Message": f"Function not found: {name}"}).encode()
            status, headers = 404, {"x-amzn-ErrorType": "ResourceNotFoundException", "x-amzn-RequestId": "r-2"}
        self.send_response(status)
        for header in [*headers.items(), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Functions)
print(server.server_port, flush=True)
server.serve_forever()
