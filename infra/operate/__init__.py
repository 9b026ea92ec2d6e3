"""What operators read of an account and change in it: fleets, holds, rollbacks, reconciling.

Decisions are the function's own: asked of the same `decide()`, through the same gateway. What is
written is written with the operator's credentials. Prints nothing, and imports no command line.
"""
