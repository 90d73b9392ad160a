"""What the server under the application answers by itself: bytes that are no HTTP are refused in the envelope too."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared_schemas.errors import unreadable_request


class EnvelopeProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, whose one answer in plain text is the envelope here, in the gateway's words."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read and close; ``msg``, uvicorn's words for it, stands in its log already."""
        del msg
        self.transport.write(unreadable_request(self.server_state.default_headers))
        self.transport.close()
