"""Its import never ends: it waits for a server that does not answer. (For a minute, lest a failing test leave it.)"""

import sys
import threading

print("waiting for the server", file=sys.stderr, flush=True)
threading.Event().wait(60)
