"""How much retain text weighs beside the answers: as much as forgetting allows.

One weight does not fit all: answers of a few tokens are forgotten against thirty times the pull that whole sentences can be
led away from, and every bit of that pull is damage that is not done.
"""

DOWN, UP = 0.5, 1.5


def goal(start: float, near: float, done: int, due: float) -> float:
    """The distance (nats) that the answers should have from their levels after ``done`` rounds: from ``start`` in a straight line
    to ``near`` after ``due`` rounds."""
    return max(near, start * (1 - done / due)) if due > 0 else near


def reweighed(weight: float, distance: float, wanted: float, least: float, most: float) -> float:
    """The next round's weight: half where the distance is above what is wanted, half as much again where it is not."""
    return min(most, max(least, weight * (DOWN if distance > wanted else UP)))
