"""A client that does nothing, for longer than any check takes."""
import time

time.sleep(300)
