//! NTSTATUS values that a Windows KDC puts into KRB-ERRORs, or that a Windows client shows for a failed logon.

wire_number! {
    /// NTSTATUS value of MS-ERREF 2.3.1.
    NtStatus(u32) {
        UNSUCCESSFUL = 0xc000_0001, "STATUS_UNSUCCESSFUL", "failed, without saying why";
        INVALID_PARAMETER = 0xc000_000d, "STATUS_INVALID_PARAMETER", "a parameter is wrong";
        ACCESS_DENIED = 0xc000_0022, "STATUS_ACCESS_DENIED", "access denied";
        NO_LOGON_SERVERS = 0xc000_005e, "STATUS_NO_LOGON_SERVERS", "the client reached no domain controller";
        NO_SUCH_LOGON_SESSION = 0xc000_005f, "STATUS_NO_SUCH_LOGON_SESSION",
            "no such logon session; also shown after a fingerprint when key trust fails";
        NO_SUCH_USER = 0xc000_0064, "STATUS_NO_SUCH_USER", "there is no such user";
        WRONG_PASSWORD = 0xc000_006a, "STATUS_WRONG_PASSWORD", "the password is wrong";
        PASSWORD_RESTRICTION = 0xc000_006c, "STATUS_PASSWORD_RESTRICTION", "a rule for passwords forbids it";
        LOGON_FAILURE = 0xc000_006d, "STATUS_LOGON_FAILURE", "logon failed, without saying why";
        ACCOUNT_RESTRICTION = 0xc000_006e, "STATUS_ACCOUNT_RESTRICTION", "a restriction of the account forbids it";
        INVALID_LOGON_HOURS = 0xc000_006f, "STATUS_INVALID_LOGON_HOURS", "outside the account's logon hours";
        INVALID_WORKSTATION = 0xc000_0070, "STATUS_INVALID_WORKSTATION",
            "the account may not log on from this workstation, or an authentication policy forbids it";
        PASSWORD_EXPIRED = 0xc000_0071, "STATUS_PASSWORD_EXPIRED", "the password has expired";
        ACCOUNT_DISABLED = 0xc000_0072, "STATUS_ACCOUNT_DISABLED", "the account is disabled";
        NOT_SUPPORTED = 0xc000_00bb, "STATUS_NOT_SUPPORTED",
            "not supported; at a client: the DC has no certificate for PKINIT; with error 13: routine";
        INVALID_SERVER_STATE = 0xc000_00dc, "STATUS_INVALID_SERVER_STATE", "the DC's account database is in the wrong state";
        NO_SUCH_DOMAIN = 0xc000_00df, "STATUS_NO_SUCH_DOMAIN", "there is no such domain";
        INTERNAL_ERROR = 0xc000_00e5, "STATUS_INTERNAL_ERROR", "an internal error";
        TIME_DIFFERENCE_AT_DC = 0xc000_0133, "STATUS_TIME_DIFFERENCE_AT_DC",
            "the clocks of client and DC are too far apart; with error 32: the ticket has merely expired";
        LOGON_TYPE_NOT_GRANTED = 0xc000_015b, "STATUS_LOGON_TYPE_NOT_GRANTED",
            "the user has no right to log on in this way to this computer";
        NO_TRUST_LSA_SECRET = 0xc000_018a, "STATUS_NO_TRUST_LSA_SECRET", "the workstation has no secret for its domain trust";
        NO_TRUST_SAM_ACCOUNT = 0xc000_018b, "STATUS_NO_TRUST_SAM_ACCOUNT",
            "the domain has no computer account for this workstation";
        TRUSTED_DOMAIN_FAILURE = 0xc000_018c, "STATUS_TRUSTED_DOMAIN_FAILURE", "the trust between the domains failed";
        TRUSTED_RELATIONSHIP_FAILURE = 0xc000_018d, "STATUS_TRUSTED_RELATIONSHIP_FAILURE",
            "the trust between workstation and domain is broken";
        TRUST_FAILURE = 0xc000_0190, "STATUS_TRUST_FAILURE", "the trust failed";
        NETLOGON_NOT_STARTED = 0xc000_0192, "STATUS_NETLOGON_NOT_STARTED", "the Netlogon service is not running";
        ACCOUNT_EXPIRED = 0xc000_0193, "STATUS_ACCOUNT_EXPIRED", "the account has expired";
        NOLOGON_INTERDOMAIN_TRUST_ACCOUNT = 0xc000_0198, "STATUS_NOLOGON_INTERDOMAIN_TRUST_ACCOUNT",
            "the account belongs to a trust between domains, not to a user";
        NOLOGON_WORKSTATION_TRUST_ACCOUNT = 0xc000_0199, "STATUS_NOLOGON_WORKSTATION_TRUST_ACCOUNT",
            "the account belongs to a computer, not to a user";
        DOMAIN_TRUST_INCONSISTENT = 0xc000_019b, "STATUS_DOMAIN_TRUST_INCONSISTENT",
            "name or SID of the domain do not fit the trust";
        USER_SESSION_DELETED = 0xc000_0203, "STATUS_USER_SESSION_DELETED", "the session was deleted";
        PASSWORD_MUST_CHANGE = 0xc000_0224, "STATUS_PASSWORD_MUST_CHANGE", "the password must be changed before the first logon";
        DOMAIN_CONTROLLER_NOT_FOUND = 0xc000_0233, "STATUS_DOMAIN_CONTROLLER_NOT_FOUND", "no domain controller was found";
        ACCOUNT_LOCKED_OUT = 0xc000_0234, "STATUS_ACCOUNT_LOCKED_OUT", "the account is locked out";
        INSUFFICIENT_LOGON_INFO = 0xc000_0250, "STATUS_INSUFFICIENT_LOGON_INFO", "what was given does not suffice to log on";
        NO_MATCH = 0xc000_0272, "STATUS_NO_MATCH", "nothing matches; with error 13: delegation is not allowed";
        MUTUAL_AUTHENTICATION_FAILED = 0xc000_02c3, "STATUS_MUTUAL_AUTHENTICATION_FAILED",
            "the server did not prove who it is";
        UNFINISHED_CONTEXT_DELETED = 0xc000_02ee, "STATUS_UNFINISHED_CONTEXT_DELETED",
            "the security context was dropped before it was complete";
        NO_TGT_REPLY = 0xc000_02ef, "STATUS_NO_TGT_REPLY", "user-to-user: the other side sent no ticket-granting ticket";
        CRYPTO_SYSTEM_INVALID = 0xc000_02f3, "STATUS_CRYPTO_SYSTEM_INVALID", "the encryption system or its checksum is not valid";
        MAX_REFERRALS_EXCEEDED = 0xc000_02f4, "STATUS_MAX_REFERRALS_EXCEEDED", "too many referrals from realm to realm";
        MUST_BE_KDC = 0xc000_02f5, "STATUS_MUST_BE_KDC", "only a domain controller can do this";
        STRONG_CRYPTO_NOT_SUPPORTED = 0xc000_02f6, "STATUS_STRONG_CRYPTO_NOT_SUPPORTED",
            "the other side cannot do the encryption demanded";
        TOO_MANY_PRINCIPALS = 0xc000_02f7, "STATUS_TOO_MANY_PRINCIPALS", "more than one account has this name";
        NO_PA_DATA = 0xc000_02f8, "STATUS_NO_PA_DATA", "pre-authentication data is missing";
        PKINIT_NAME_MISMATCH = 0xc000_02f9, "STATUS_PKINIT_NAME_MISMATCH",
            "the certificate holds no valid user principal name, or another one than the logon name";
        SMARTCARD_LOGON_REQUIRED = 0xc000_02fa, "STATUS_SMARTCARD_LOGON_REQUIRED",
            "the account must use a smart card or Windows Hello, and a password was used";
        KDC_INVALID_REQUEST = 0xc000_02fb, "STATUS_KDC_INVALID_REQUEST", "the KDC was sent a request it finds invalid";
        KDC_UNABLE_TO_REFER = 0xc000_02fc, "STATUS_KDC_UNABLE_TO_REFER", "the KDC cannot say which realm to ask";
        KDC_UNKNOWN_ETYPE = 0xc000_02fd, "STATUS_KDC_UNKNOWN_ETYPE", "the KDC does not know the encryption type";
        PKINIT_FAILURE = 0xc000_0320, "STATUS_PKINIT_FAILURE", "the client could not validate the DC's certificate";
        SMARTCARD_SUBSYSTEM_FAILURE = 0xc000_0321, "STATUS_SMARTCARD_SUBSYSTEM_FAILURE", "the smart card system of the client failed";
        NO_KERB_KEY = 0xc000_0322, "STATUS_NO_KERB_KEY", "the target has no acceptable Kerberos key";
        UNSUPPORTED_PREAUTH = 0xc000_0351, "STATUS_UNSUPPORTED_PREAUTH", "this kind of pre-authentication is not supported";
        NO_SECRETS = 0xc000_0371, "STATUS_NO_SECRETS",
            "this DC holds no secrets of the account (read-only): the client must ask a full DC";
        SMARTCARD_WRONG_PIN = 0xc000_0380, "STATUS_SMARTCARD_WRONG_PIN", "the PIN is wrong";
        SMARTCARD_CARD_BLOCKED = 0xc000_0381, "STATUS_SMARTCARD_CARD_BLOCKED", "the card or its PIN is blocked";
        SMARTCARD_CARD_NOT_AUTHENTICATED = 0xc000_0382, "STATUS_SMARTCARD_CARD_NOT_AUTHENTICATED", "no PIN was given to the card";
        SMARTCARD_NO_CARD = 0xc000_0383, "STATUS_SMARTCARD_NO_CARD", "there is no card";
        SMARTCARD_NO_KEY_CONTAINER = 0xc000_0384, "STATUS_SMARTCARD_NO_KEY_CONTAINER", "the key container is not on the card";
        SMARTCARD_NO_CERTIFICATE = 0xc000_0385, "STATUS_SMARTCARD_NO_CERTIFICATE", "the certificate is not on the card";
        SMARTCARD_NO_KEYSET = 0xc000_0386, "STATUS_SMARTCARD_NO_KEYSET", "the key set is not on the card";
        SMARTCARD_IO_ERROR = 0xc000_0387, "STATUS_SMARTCARD_IO_ERROR", "reading or writing the card failed";
        DOWNGRADE_DETECTED = 0xc000_0388, "STATUS_DOWNGRADE_DETECTED",
            "a weaker protocol was offered than both sides can do: an attack, or no DC in reach";
        SMARTCARD_CERT_REVOKED = 0xc000_0389, "STATUS_SMARTCARD_CERT_REVOKED", "the client's certificate is revoked";
        ISSUING_CA_UNTRUSTED = 0xc000_038a, "STATUS_ISSUING_CA_UNTRUSTED",
            "the authority that issued the client's certificate is not trusted";
        REVOCATION_OFFLINE_C = 0xc000_038b, "STATUS_REVOCATION_OFFLINE_C",
            "whether the client's certificate is revoked could not be found out";
        PKINIT_CLIENT_FAILURE = 0xc000_038c, "STATUS_PKINIT_CLIENT_FAILURE", "the client's certificate is not trusted";
        SMARTCARD_CERT_EXPIRED = 0xc000_038d, "STATUS_SMARTCARD_CERT_EXPIRED", "the client's certificate has expired";
        SMARTCARD_SILENT_CONTEXT = 0xc000_038f, "STATUS_SMARTCARD_SILENT_CONTEXT",
            "the card would have to ask the user, and may not";
        USER2USER_REQUIRED = 0xc000_0408, "STATUS_USER2USER_REQUIRED", "the service takes user-to-user tickets only";
        NO_S4U_PROT_SUPPORT = 0xc000_040a, "STATUS_NO_S4U_PROT_SUPPORT", "the KDC cannot issue tickets on behalf of users";
        REVOCATION_OFFLINE_KDC = 0xc000_040c, "STATUS_REVOCATION_OFFLINE_KDC",
            "the client could not find out whether the DC's certificate is revoked";
        ISSUING_CA_UNTRUSTED_KDC = 0xc000_040d, "STATUS_ISSUING_CA_UNTRUSTED_KDC",
            "the client does not trust the authority that issued the DC's certificate";
        KDC_CERT_EXPIRED = 0xc000_040e, "STATUS_KDC_CERT_EXPIRED", "the DC's certificate has expired";
        KDC_CERT_REVOKED = 0xc000_040f, "STATUS_KDC_CERT_REVOKED", "the DC's certificate is revoked";
        AUTHENTICATION_FIREWALL_FAILED = 0xc000_0413, "STATUS_AUTHENTICATION_FIREWALL_FAILED",
            "selective authentication or an authentication policy does not let the account in here";
        NTLM_BLOCKED = 0xc000_0418, "STATUS_NTLM_BLOCKED", "NTLM was needed and is blocked";
        PKU2U_CERT_FAILURE = 0xc000_042e, "STATUS_PKU2U_CERT_FAILURE", "peer-to-peer logon (PKU2U): a certificate failed";
        CERTIFICATE_MAPPING_NOT_UNIQUE = 0xc000_0714, "STATUS_CERTIFICATE_MAPPING_NOT_UNIQUE",
            "the certificate belongs to more than one account";
    }
}
