"""First floor: exactly what runs in Lambda.

May import models, botocore and Powertools; never infra, moto or anything of the command line. The
deployed archive is this folder, `models/` and what `requirements.txt` names.
"""
