"""requests-cache: two threads of a session with a memory backend ask for the same page."""

import io
import threading

import requests
import requests_cache
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse


class Adapter(BaseAdapter):
    def __init__(self):
        super().__init__()
        self.sent = []

    def send(self, request, **options):
        self.sent.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.raw = HTTPResponse(io.BytesIO(b"page"), status=200, preload_content=False)
        return response

    def close(self):
        pass


def main():
    session = requests_cache.CachedSession(backend="memory")
    adapter, texts = Adapter(), []
    session.mount("http://", adapter)
    threads = [threading.Thread(target=lambda: texts.append(session.get("http://a/").text)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["page", "page"]
    assert 1 <= len(adapter.sent) <= 2


if __name__ == "__main__":
    main()
