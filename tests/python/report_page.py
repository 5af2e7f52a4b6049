"""Reads the page of a report as a browser would, and prints its cells, one in a line. Nothing in it may reach out."""
import sys
from html.parser import HTMLParser

EMPTY = {"meta"}  # these have no end


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        assert tag in "html head meta style title body h1 p svg text rect table tr th td".split(), tag
        for name, _ in attrs:
            assert name not in ("src", "href", "style") and not name.startswith("on"), name
        if tag not in EMPTY:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        assert tag == "rect", tag

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, text):
        if self.open and self.open[-1] == "td":
            self.cells[-1] += text


page = Page()
with open(sys.argv[1], encoding="utf-8") as file:
    page.feed(file.read())
page.close()
assert not page.open, page.open
print("\n".join(page.cells))
