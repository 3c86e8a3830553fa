"""Prints the LDIF that adds a public key to msDS-KeyCredentialLink of an object.

Runs on the domain controller: key_ldif.py DN PUBLIC-KEY.pem
"""

import sys

from samba.auth import system_session
from samba.key_credential_link import create_key_credential_link
from samba.param import LoadParm
from samba.samdb import SamDB

name, key = sys.argv[1:]
settings = LoadParm()
settings.load("/lab/dc1/etc/smb.conf")
directory = SamDB(url="/lab/dc1/private/sam.ldb", session_info=system_session(), lp=settings)
with open(key, "rb") as file:
    value = create_key_credential_link(directory, name, file.read(), encoding="auto", force=False)
print(f"dn: {name}\nchangetype: modify\nadd: msDS-KeyCredentialLink\nmsDS-KeyCredentialLink: {value}")
