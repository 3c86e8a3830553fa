//! Error codes of KRB-ERROR. The constants drop the registry's prefix (`KDC_ERR_`, `KRB_AP_ERR_`, `KRB_ERR_`).

wire_number! {
    /// Error code of a KRB-ERROR: RFC 4120 §7.5.9, RFC 4556 §3.1.3, and RFC 6113, 6560, 8070, 8636.
    ErrorCode(i32) {
        NONE = 0, "KDC_ERR_NONE", "no error";
        NAME_EXP = 1, "KDC_ERR_NAME_EXP", "the client's account has expired (Windows says 18 instead)";
        SERVICE_EXP = 2, "KDC_ERR_SERVICE_EXP", "the service's account has expired";
        BAD_PVNO = 3, "KDC_ERR_BAD_PVNO", "the KDC does not speak this version of Kerberos";
        C_OLD_MAST_KVNO = 4, "KDC_ERR_C_OLD_MAST_KVNO", "the client's key is sealed with an old master key";
        S_OLD_MAST_KVNO = 5, "KDC_ERR_S_OLD_MAST_KVNO", "the service's key is sealed with an old master key";
        C_PRINCIPAL_UNKNOWN = 6, "KDC_ERR_C_PRINCIPAL_UNKNOWN",
            "this domain knows no such user, or no account for the certificate";
        S_PRINCIPAL_UNKNOWN = 7, "KDC_ERR_S_PRINCIPAL_UNKNOWN",
            "no account carries this service principal name, or a read-only DC holds no secrets for it";
        PRINCIPAL_NOT_UNIQUE = 8, "KDC_ERR_PRINCIPAL_NOT_UNIQUE", "two accounts share this user or service principal name";
        NULL_KEY = 9, "KDC_ERR_NULL_KEY", "the account has no key";
        CANNOT_POSTDATE = 10, "KDC_ERR_CANNOT_POSTDATE", "the ticket may not begin in the future";
        NEVER_VALID = 11, "KDC_ERR_NEVER_VALID", "the ticket would end before it begins, often because a clock is wrong";
        POLICY = 12, "KDC_ERR_POLICY",
            "a policy forbids it: smart card required, authentication policy, or workstation not allowed";
        BADOPTION = 13, "KDC_ERR_BADOPTION",
            "the KDC cannot grant an option asked for, mostly forwarding or delegation; routine in Windows traffic";
        ETYPE_NOSUPP = 14, "KDC_ERR_ETYPE_NOSUPP", "client, account and KDC have no encryption type in common";
        SUMTYPE_NOSUPP = 15, "KDC_ERR_SUMTYPE_NOSUPP", "the KDC does not know this kind of checksum";
        PADATA_TYPE_NOSUPP = 16, "KDC_ERR_PADATA_TYPE_NOSUPP",
            "the KDC cannot do this kind of pre-authentication; after PKINIT: it has no usable certificate";
        TRTYPE_NOSUPP = 17, "KDC_ERR_TRTYPE_NOSUPP", "the KDC does not know this kind of transited path";
        CLIENT_REVOKED = 18, "KDC_ERR_CLIENT_REVOKED",
            "the account is disabled, locked out, expired, or outside its logon hours";
        SERVICE_REVOKED = 19, "KDC_ERR_SERVICE_REVOKED", "the service's account is disabled";
        TGT_REVOKED = 20, "KDC_ERR_TGT_REVOKED", "the ticket-granting ticket is no longer accepted";
        CLIENT_NOTYET = 21, "KDC_ERR_CLIENT_NOTYET", "the client's account is not valid yet";
        SERVICE_NOTYET = 22, "KDC_ERR_SERVICE_NOTYET", "the service's account is not valid yet";
        KEY_EXPIRED = 23, "KDC_ERR_KEY_EXPIRED", "the password has expired or must be changed";
        PREAUTH_FAILED = 24, "KDC_ERR_PREAUTH_FAILED",
            "the proof of identity was wrong: a wrong password, or a freshness token missing or refused";
        PREAUTH_REQUIRED = 25, "KDC_ERR_PREAUTH_REQUIRED", "the KDC asks for proof of identity: the normal first step";
        SERVER_NOMATCH = 26, "KDC_ERR_SERVER_NOMATCH", "the ticket is for another server";
        MUST_USE_USER2USER = 27, "KDC_ERR_MUST_USE_USER2USER", "this service takes user-to-user tickets only";
        PATH_NOT_ACCEPTED = 28, "KDC_ERR_PATH_NOT_ACCEPTED", "the KDC refuses the path of trusts";
        SVC_UNAVAILABLE = 29, "KDC_ERR_SVC_UNAVAILABLE",
            "the KDC lacks something it needs itself, such as a global catalogue or the PDC emulator";
        BAD_INTEGRITY = 31, "KRB_AP_ERR_BAD_INTEGRITY",
            "the message does not decrypt: a wrong key; Samba and Heimdal say it for most PKINIT failures";
        TKT_EXPIRED = 32, "KRB_AP_ERR_TKT_EXPIRED", "the ticket has expired";
        TKT_NYV = 33, "KRB_AP_ERR_TKT_NYV", "the ticket is not valid yet: a clock is wrong";
        REPEAT = 34, "KRB_AP_ERR_REPEAT", "the same request was seen before: a replay or a repeated packet";
        NOT_US = 35, "KRB_AP_ERR_NOT_US", "the ticket is for somebody else";
        BADMATCH = 36, "KRB_AP_ERR_BADMATCH", "ticket and authenticator name different clients";
        SKEW = 37, "KRB_AP_ERR_SKEW", "the clocks of client and KDC are too far apart";
        BADADDR = 38, "KRB_AP_ERR_BADADDR", "the ticket was issued to another address";
        BADVERSION = 39, "KRB_AP_ERR_BADVERSION", "the protocol version is wrong";
        MSG_TYPE = 40, "KRB_AP_ERR_MSG_TYPE", "another kind of message was expected";
        MODIFIED = 41, "KRB_AP_ERR_MODIFIED",
            "the message is not what was sealed: a wrong key, a name on the wrong account, or tampering";
        BADORDER = 42, "KRB_AP_ERR_BADORDER", "messages came in the wrong order";
        ILL_CR_TKT = 43, "KRB_AP_ERR_ILL_CR_TKT", "the ticket of another realm is not acceptable";
        BADKEYVER = 44, "KRB_AP_ERR_BADKEYVER",
            "the ticket is sealed with a key the KDC does not have, such as a rotated krbtgt key";
        NOKEY = 45, "KRB_AP_ERR_NOKEY", "the service's key is not available";
        MUT_FAIL = 46, "KRB_AP_ERR_MUT_FAIL", "the server did not prove who it is";
        BADDIRECTION = 47, "KRB_AP_ERR_BADDIRECTION", "the message went the wrong way";
        METHOD = 48, "KRB_AP_ERR_METHOD", "another way of authentication is needed";
        BADSEQ = 49, "KRB_AP_ERR_BADSEQ", "a sequence number is wrong";
        INAPP_CKSUM = 50, "KRB_AP_ERR_INAPP_CKSUM", "this kind of checksum is not acceptable here";
        AP_PATH_NOT_ACCEPTED = 51, "KRB_AP_PATH_NOT_ACCEPTED", "the server refuses the path of trusts";
        RESPONSE_TOO_BIG = 52, "KRB_ERR_RESPONSE_TOO_BIG",
            "the answer does not fit a UDP packet: the client repeats the request over TCP; routine";
        GENERIC = 60, "KRB_ERR_GENERIC", "an error without a code of its own; its text may say more";
        FIELD_TOOLONG = 61, "KRB_ERR_FIELD_TOOLONG", "a field or the message is too long";
        CLIENT_NOT_TRUSTED = 62, "KDC_ERR_CLIENT_NOT_TRUSTED",
            "the client's key is not in the directory, or its certificate chain is not trusted or revoked";
        KDC_NOT_TRUSTED = 63, "KDC_ERR_KDC_NOT_TRUSTED", "the KDC has no certificate of an issuer the client would take";
        INVALID_SIG = 64, "KDC_ERR_INVALID_SIG", "the client's signature does not verify";
        DH_KEY_PARAMETERS_NOT_ACCEPTED = 65, "KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED",
            "the KDC refuses the client's Diffie-Hellman group or key";
        CERTIFICATE_MISMATCH = 66, "KDC_ERR_CERTIFICATE_MISMATCH",
            "nothing ties the client's certificate strongly enough to the account";
        NO_TGT = 67, "KRB_AP_ERR_NO_TGT", "no ticket-granting ticket for user-to-user";
        WRONG_REALM = 68, "KDC_ERR_WRONG_REALM", "the client belongs to another realm: a referral";
        USER_TO_USER_REQUIRED = 69, "KRB_AP_ERR_USER_TO_USER_REQUIRED", "the server takes user-to-user tickets only";
        CANT_VERIFY_CERTIFICATE = 70, "KDC_ERR_CANT_VERIFY_CERTIFICATE",
            "the KDC finds no path from the client's certificate to an authority it trusts";
        INVALID_CERTIFICATE = 71, "KDC_ERR_INVALID_CERTIFICATE", "the client's certificate or its chain is not valid";
        REVOKED_CERTIFICATE = 72, "KDC_ERR_REVOKED_CERTIFICATE", "the client's certificate is revoked";
        REVOCATION_STATUS_UNKNOWN = 73, "KDC_ERR_REVOCATION_STATUS_UNKNOWN",
            "the KDC could not find out whether the client's certificate is revoked";
        REVOCATION_STATUS_UNAVAILABLE = 74, "KDC_ERR_REVOCATION_STATUS_UNAVAILABLE",
            "the KDC could not reach the source that says whether the client's certificate is revoked";
        CLIENT_NAME_MISMATCH = 75, "KDC_ERR_CLIENT_NAME_MISMATCH",
            "the client's key or certificate belongs to another name, or the key is not in the directory yet";
        KDC_NAME_MISMATCH = 76, "KDC_ERR_KDC_NAME_MISMATCH", "the KDC's certificate does not name this KDC";
        INCONSISTENT_KEY_PURPOSE = 77, "KDC_ERR_INCONSISTENT_KEY_PURPOSE",
            "the client's certificate is not made for logon: its extended key usage lacks it";
        DIGEST_IN_CERT_NOT_ACCEPTED = 78, "KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED",
            "the KDC refuses the hash algorithm in the client's certificate";
        PA_CHECKSUM_MUST_BE_INCLUDED = 79, "KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED",
            "the request lacks a checksum that the KDC demands";
        DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED = 80, "KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED",
            "the KDC refuses the hash algorithm of the client's signature";
        PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED = 81, "KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED",
            "the KDC does not do key transport by RSA";
        PRINCIPAL_UNKNOWN = 82, "PRINCIPAL_UNKNOWN", "the principal is not known (a name seen in one implementation only)";
        REALM_UNKNOWN = 83, "REALM_UNKNOWN", "the realm is not known (a name seen in one implementation only)";
        PRINCIPAL_RESERVED = 84, "PRINCIPAL_RESERVED",
            "the principal's name is reserved (a name seen in one implementation only)";
        IAKERB_KDC_NOT_FOUND = 85, "KRB_AP_ERR_IAKERB_KDC_NOT_FOUND", "the server that relays Kerberos found no KDC";
        IAKERB_KDC_NO_RESPONSE = 86, "KRB_AP_ERR_IAKERB_KDC_NO_RESPONSE",
            "the server that relays Kerberos had no answer from the KDC";
        PREAUTH_EXPIRED = 90, "KDC_ERR_PREAUTH_EXPIRED", "the freshness token or cookie is too old: the client starts again";
        MORE_PREAUTH_DATA_REQUIRED = 91, "KDC_ERR_MORE_PREAUTH_DATA_REQUIRED",
            "the KDC needs another round of pre-authentication: a normal step";
        PREAUTH_BAD_AUTHENTICATION_SET = 92, "KDC_ERR_PREAUTH_BAD_AUTHENTICATION_SET",
            "the chosen set of pre-authentication steps is not offered";
        UNKNOWN_CRITICAL_FAST_OPTIONS = 93, "KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS",
            "armor (FAST) with an option the KDC does not know";
        INVALID_HASH_ALG = 94, "KDC_ERR_INVALID_HASH_ALG", "one-time password: the hash algorithm is refused";
        INVALID_ITERATION_COUNT = 95, "KDC_ERR_INVALID_ITERATION_COUNT", "one-time password: the iteration count is refused";
        NO_ACCEPTABLE_KDF = 100, "KDC_ERR_NO_ACCEPTABLE_KDF",
            "client and KDC have no key derivation function in common";
    }
}
