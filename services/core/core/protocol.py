"""What the server under the application answers by itself: bytes that are no HTTP are refused in the envelope too."""

import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared_schemas.errors import ErrorBody, ErrorEnvelope

REFUSAL = ErrorEnvelope(error=ErrorBody(code="INVALID_REQUEST", message="The request could not be understood."))
BODY = REFUSAL.model_dump_json().encode()


class EnvelopeProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, whose one answer in plain text is the envelope here, in the gateway's words."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read and close; ``msg``, uvicorn's words for it, stands in its log already."""
        del msg
        lines = [
            b"HTTP/1.1 400 Bad Request",
            *(name + b": " + value for name, value in self.server_state.default_headers),
            b"content-type: application/json",
            b"content-length: %d" % len(BODY),
            b"x-request-id: " + uuid.uuid4().hex.encode(),
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join([*lines, b"", BODY]))
        self.transport.close()
