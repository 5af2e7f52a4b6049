"""A real browser drives the page. Arguments: the browser, a folder for what it stores, and the address of the page.

It is spoken to over the pipe of --remote-debugging-pipe (JSON, each message ended by a NUL, into its descriptor 3 and out of its
descriptor 4), so that it ends when this program does. Lines on stdout say what was seen; a line on stdin lets it go on."""
import json
import os
import subprocess
import sys

browser, folder, url = sys.argv[1:4]
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe""".split()

to_browser, our_end = os.pipe()
our_ear, from_browser = os.pipe()


def descriptors():
    # The new ones must not lie on 3 and 4 themselves.
    ear, mouth = os.dup2(to_browser, 100), os.dup2(from_browser, 101)
    os.dup2(ear, 3)
    os.dup2(mouth, 4)


process = subprocess.Popen(
    [browser, *FLAGS, "--user-data-dir=" + folder, "about:blank"],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=descriptors, close_fds=False)
os.close(to_browser)
os.close(from_browser)
ear = os.fdopen(our_ear, "rb")
number = 0
loaded = []


def message():
    text = bytearray()
    while (byte := ear.read(1)) != b"\0":
        if not byte:
            sys.exit("the browser has ended")
        text += byte
    return json.loads(text)


def call(method, session=None, **params):
    global number
    number += 1
    request = {"id": number, "method": method, "params": params}
    if session:
        request["sessionId"] = session
    os.write(our_end, json.dumps(request).encode() + b"\0")
    while True:
        answer = message()
        if answer.get("method") == "Network.requestWillBeSent":
            loaded.append(answer["params"]["request"]["url"])
        if answer.get("id") == number:
            if "error" in answer:
                sys.exit("%s: %s" % (method, answer["error"]))
            return answer["result"]


class Window:
    def __init__(self, address):
        target = call("Target.createTarget", url="about:blank")["targetId"]
        self.session = call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        call("Network.enable", self.session)
        call("Page.enable", self.session)
        call("Page.navigate", self.session, url=address)
        self.wait("document.readyState === 'complete' && document.getElementById('state')")

    def run(self, script):
        result = call("Runtime.evaluate", self.session, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit("%s: %s" % (script, result["exceptionDetails"]))
        return result["result"].get("value")

    def wait(self, condition):
        """Until the page shows it. It looks again whenever something on the page changes."""
        while not self.run("""new Promise(done => {
            const look = () => { if (%s) { watch.disconnect(); done(true); } };
            const watch = new MutationObserver(look);
            watch.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
            addEventListener("load", look);
            look();
            setTimeout(() => { watch.disconnect(); done(false); }, 20000);
        })""" % condition):
            sys.exit("never: %s; the page shows: %s" % (condition, self.run("document.body.innerText")))

    def state(self, name):
        self.wait("document.getElementById('state').dataset.state === %s" % json.dumps(name))

    def shows(self, kind, text):
        self.wait("[...document.querySelectorAll('#log .%s .text')].some(row => row.textContent.includes(%s))"
                  % (kind, json.dumps(text)))

    def send(self, text):
        """As a person does: types, and presses the key."""
        self.run("document.getElementById('message').focus()")
        call("Input.insertText", self.session, text=text)
        for kind in ("keyDown", "keyUp"):
            call("Input.dispatchKeyEvent", self.session, type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13,
                 text="\r" if kind == "keyDown" else "")

    def click(self, name):
        self.run("document.getElementById(%s).click()" % json.dumps(name))


def say(text):
    print(text, flush=True)


page = Window(url)
page.state("open")
say("connected")
page.send("Hello, 你好 <b>")
page.shows("sent", "Hello, 你好 <b>")
page.shows("received", "Hello, 你好 <b>")
times = page.run("[...document.querySelectorAll('#log time')].every(time => /^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}$/.test(time.textContent))")
assert times and page.run("document.querySelectorAll('#log b').length") == 0
say("echo")
sys.stdin.readline()  # the server stops now
page.shows("note", "closed with code 1001")
page.wait("['waiting', 'connecting'].includes(document.getElementById('state').dataset.state)")
say("lost")
sys.stdin.readline()  # and is there again
page.state("open")
page.send("back again")
page.shows("received", "back again")
say("reconnected")
page.click("close")
page.shows("note", "closed with code 1000")
page.state("closed")
say("closed")
ann, bob = Window(url + "#/chat"), Window(url + "?bob#/chat")
ann.state("open")
bob.state("open")
bob.send("I am Bob")
bob.shows("received", "I am Bob")
ann.shows("received", "I am Bob")
ann.send("Hello, Bob")
bob.shows("received", "Hello, Bob")
say("chat")
assert all(address.startswith((url, "data:")) for address in loaded), loaded
if len(sys.argv) > 4:
    picture = call("Page.captureScreenshot", bob.session)["data"]
    import base64
    open(sys.argv[4], "wb").write(base64.b64decode(picture))
os.close(our_end)
process.wait(20)
say("bye")
