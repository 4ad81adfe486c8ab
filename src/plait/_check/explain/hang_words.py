"""The sentences about hangs: why, and the fix, for each kind and its variants.

They are filled with: `name` waits in `here` for `thing`; `who` made the last call that explains it, in `where`.
"""

from __future__ import annotations

from plait._check.explain.deadlock import SELF
from plait._check.reading.words import Says

TITLES = {
    "waits for itself": "A pool that waits for itself",
    "deadlock": "Deadlock",
    "self-deadlock": "Deadlock with itself",
    "never released": "Never released",
    "notify too few": "notify() woke the wrong thread",
    "lost wake-up": "Lost wake-up",
    "missing task_done": "Missing task_done()",
    "barrier short of parties": "A barrier that is short of threads",
    "nobody sets it": "Nobody will wake it",
    "nothing comes": "Nothing will come",
    "check then act": "Checked, then changed by another thread",
    "hang": "Nobody can go on",
}

WORDS = {
    "waits for itself": Says(
        "{name}, a worker of the pool, waits in {here} for a result of the same pool. Every worker waits so, and "
        "nobody is left to run what they wait for.",
        "Do not wait for a future inside a function that runs in the same pool: return it and wait outside, use a "
        "second pool for the inner calls, or call the inner function directly.",
    ),
    "self-deadlock": SELF,
    "deadlock": Says(
        "{name} waits for `{thing}` in {here}. {who} has taken it in {where} and keeps it while it waits itself{for}. "
        "None of them can ever go on.",
        "Take both in one order everywhere, or hold nothing that others need while you wait.",
    ),
    "deadlock, in line": Says(
        "{name} waits for `{thing}` in {here}. {who} has taken it in {where} and keeps it while it waits itself{for}. "
        "None of them can ever go on.",
        "Take both in one order, whoever comes: sort them first by something that never changes (a number, `id()`). Or "
        "let one less come to {where} at a time than there are of them: with a `Semaphore(n - 1)` around both.",
    ),
    "deadlock, barrier": Says(
        "{name} waits for `{thing}` in {here}. {who} has taken it in {where} and keeps it while it waits itself{for}. "
        "The barrier wants more threads, and those cannot come to it.",
        "Let in, of each kind, just as many as one round of the barrier is made of: compare the numbers of units of "
        "the semaphores with the number of the barrier. Or give `{thing}` back before the barrier.",
    ),
    "never released": Says(
        "{name} waits for `{thing}` in {here}. {who} has taken it in {where} and never gave it back.{left}",
        "Use `with {thing}:`, or release it in a `finally:`, so that an early return or an exception gives it back "
        "too.",
    ),
    "never released, elsewhere": Says(
        "{name} waits for `{thing}` in {here}. {who} has taken it in {where}, and nobody has come since to where it is "
        "released, which is in another function.",
        "See to it that its release() is reached on every way out, once for each acquire(): by a `with` block of a "
        "context manager that does both, or in a `finally:`.",
    ),
    "notify too few": Says(
        "{name} ({here}) and {peers} wait on `{thing}` for different things. The notify() of {who} in {where} woke one "
        "that had nothing to do and went back to wait; the one it was meant for sleeps on.",
        "Call `{thing}.notify_all()` in {where}, with each wait in a `while` that checks what it waits for; or use one "
        "Condition for each thing to wait for, on the same lock.",
    ),
    "notify too few, alone": Says(
        "{name} waits on `{thing}` in {here}. {who} calls notify() in {where}, which wakes one of those that wait, and "
        "that was another thread: {name} sleeps on.",
        "Call `{thing}.notify_all()` in {where}, with each wait in a `while` that checks what it waits for.",
    ),
    "lost wake-up": Says(
        "{who} notifies in {where} before {name} waits in {here}. A notify() wakes those that wait at that moment; it "
        "is not kept for later, so nobody will wake it.",
        "Keep it in a variable as well: set it under the lock before notify(), and wait with `while not ready: "
        "{thing}.wait()`, or `{thing}.wait_for(lambda: ready)`.",
    ),
    "lost wake-up, checked outside": Says(
        "{name} has seen in {checked} that it has to wait, but takes the lock only after that. In between {who} "
        "notifies in {where}, which nobody hears, and then {name} waits in {here}.",
        "Check under the lock: move the check of {checked} into the `with` block, as `while` around `{thing}.wait()`.",
    ),
    "lost wake-up, undone": Says(
        "{who} notifies in {where}, and {name} is woken. But before {name} has looked again, {changer} comes back and "
        "changes `{changed}` in {change}. So {name} finds that it has to wait, in {here}, as if it had not been woken.",
        "Wait for what does not turn back: count the rounds. Read `turn = self.turn` before the wait, wait with `while "
        "turn == self.turn`, and add one to `self.turn` before the notify_all(). `threading.Barrier` does so.",
    ),
    "lost wake-up, cleared too late": Says(
        "`{thing}` was set again in {last} while {name} was still busy; then {name} clears it in {where}, and with it "
        "that signal, and waits for it in {here}. Nobody sets it again.",
        "Clear it right after the wait, before you look for work, not afterwards: `{thing}.wait(); {thing}.clear()`. "
        "Or use a queue.Queue.",
    ),
    "lost wake-up, pulse": Says(
        "{who} sets `{thing}` in {last} and clears it in {where}, at once. That wakes whoever waits for it at that "
        "moment; {name} comes to {here} only after that, and nobody sets it again.",
        "Leave it set. Where it is used again, take a new Event for each round: whoever waits reads which one under "
        "the lock, and the last one stores a new one there before it sets the old one. Or use `threading.Barrier`, or "
        "a Condition with a number of rounds.",
    ),
    "lost wake-up, cleared": Says(
        "`{thing}` was set, and {who} cleared it again in {where} before {name} looked. Now {name} waits for it in "
        "{here}, and nobody sets it again.",
        "Clear an Event only in the thread that waits for it, before it gives out the work that sets it; for work that "
        "comes again and again use a queue.Queue.",
    ),
    "missing task_done": Says(
        "{name} waits in {here} until every item of `{thing}` is done: {got} were taken, but task_done() was called "
        "{done}. {who} took one in {where} and did not say that it is done.",
        "Call task_done() once for each get(), in a `finally:`, so that an exception does not skip it.",
    ),
    "barrier short of parties": Says(
        "{there} at the barrier `{thing}` ({here}), which waits for more; no other thread will come.",
        "Give the Barrier the number of threads that really come, and call `abort()` when one of them fails.",
    ),
    "nobody sets it": Says(
        "{name} waits for `{thing}` in {here}, and nobody who is left {wakes}: every other thread has ended or waits "
        "too.{earlier}",
        "Make sure that whoever it waits for {wakes} on every way out, in a `finally:`; or wait with a timeout.",
    ),
    "nobody sets it, each other": Says(
        "{name} ({here}) and {peers} {all_wait} on `{thing}`, each for something that only another one of them could "
        "do. Nobody is left to notify.",
        "Do not wait while you keep what the others wait for: give it back first (a reader that wants to write lets go "
        "and looks again), or take all that is needed in one step.",
    ),
    "nobody sets it, over": Says(
        "{name} waits on `{thing}` in {here}. {changer} was the last to change `{changed}`, in {change}, and has "
        "ended; nobody who is left changes it again: {rest}.",
        "If nothing more comes, the wait has to end as well: ask in the `while` around it whether all is over, and "
        "call `{thing}.notify_all()` under its lock where that comes about.",
    ),
    "nobody sets it, changed": Says(
        "{changer} changes `{changed}` in {change}, which {name} waits for in {here}, but does not notify: {name} "
        "never looks again.",
        "Call `{thing}.notify_all()` after the change in {change}, under the lock of `{thing}`.",
    ),
    "nobody sets it, not reached": Says(
        "{name} waits on `{thing}` in {here}. {changer} was the last to change `{changed}`, in {change}. What wakes "
        "those who wait is the other change of it, in {back}, and nobody has come there since.",
        "See to it that the program comes to {back} on every way out once {change} has been done: in a `finally:`.",
    ),
    "nobody sets it, itself": Says(
        "{name} waits for `{thing}` in {here}, and would set it itself, in {sets}: it never comes there. The thread "
        "waits for itself.",
        "Wait for it in another thread than the one that sets it. Where both may call {here}, let it not wait in that "
        "one: compare `threading.current_thread()` with the thread that is kept.",
    ),
    "nobody sets it, overlooked": Says(
        "{changer} changes `{changed}` in {change} and notifies; but {name}, which waits on `{thing}` in {here}, does "
        "not ask for that: the `while` in {loop} only looks at other things, so it waits again.",
        "Let the `while` in {loop} ask for `{changed}`, too, and see behind it which of the two has ended the wait.",
    ),
    "nobody sets it, judged": Says(
        "{name} waits on `{thing}` in {here}. {changer} was the last to change `{changed}`, in {change}, and has seen "
        "in {judged} that it was not time to notify. Nobody who is left will change it again.{without}",
        "See to it that each thread that is counted on comes to {change} on every way out, in a `finally:`; or count "
        "fewer.",
    ),
    "nobody sets it, future": Says(
        "{name} waits in {here} for a result that nobody who is left will set: every other thread has ended or waits "
        "too.",
        "Set a result or an exception on every way out of what computes it: `try: ... except BaseException as error: "
        "future.set_exception(error)`.",
    ),
    "nobody sets it, semaphore": Says(
        "{name} waits for `{thing}` in {here}; all its units are taken, and nobody who is left gives one back.",
        "Release it once for each acquire, with `with` or in a `finally:`; and start it with as many units as are "
        "needed.",
    ),
    "nothing comes": Says(
        "{name} waits for an item from `{thing}` in {here}, but nobody who is left will put one: {rest}.{ended}",
        "Tell each consumer when to stop: put one sentinel for each of them, or use `queue.shutdown()` (3.13).",
    ),
    "nothing comes, full": Says(
        "{name} waits for room in `{thing}` in {here}, but nobody who is left will take something out: {rest}.{ended}",
        "Let the consumer go on until the producers are done, whatever fails in between; or make the queue large "
        "enough.",
    ),
    "nothing comes, channel": Says(
        "{name} waits for an item from `{thing}` in {here}, but nobody who is left will put one, or close it: {rest}.",
        "Close the channel when its producers are done: `with {thing}:` in the only one, or `{thing}.close()` after "
        "the scope in which several of them run. Then loops over it end.",
    ),
    "nothing comes, channel full": Says(
        "{name} waits for room in `{thing}` in {here}, but nobody who is left will take something out: {rest}.",
        "Let somebody take items until the channel is closed, whatever fails in between; or give it a size that is "
        "large enough.",
    ),
    "nothing comes, not done": Says(
        "{name} waits in {here} until all items of `{thing}` are done, but nobody who is left will take one: every "
        "other thread has ended or waits too.{ended}",
        "Let the consumers go on, whatever fails in between, until every item has its task_done().",
    ),
    "check then act": Says(
        "{name} asks `{thing}.{asked}()` in {last} and acts on the answer in {here}. In between {who} uses the queue "
        "in {where}, so the answer does not hold any more.",
        "Do not ask first: call `{thing}.get_nowait()` and catch queue.Empty (or put_nowait() and queue.Full).",
    ),
    "hang": Says(
        "Every thread that is left waits, and nothing can wake one of them: {all}.",
        "See what each of them waits for, and who should have done it.",
    ),
}
