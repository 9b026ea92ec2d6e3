"""What the code believes of AWS, as a table of facts, and how an account is asked about each.

CI asks the embedded AWS, and the owner of an account asks AWS, with the same checks: what differs
there is a belief that is wrong, what differs here is a repair that is wrong.
"""
