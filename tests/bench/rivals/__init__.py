"""What people would write instead: each a handler of Lambda's, and no part of the reactor."""
