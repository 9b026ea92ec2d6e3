"""The embedded AWS: moto, repaired where it differs from AWS in what matters here.

It starts from a world (what exists in one account and Region), answers boto3 in this process or,
behind moto's server, any other client, and leaves nothing behind. It never reaches the real AWS.

Only this package may import moto. It never imports the command line.
"""
