//! Types of pre-authentication data, and the types of typed data, which share their registry.

wire_number! {
    /// Type of pre-authentication data: RFC 4120 §7.5.2, RFC 4556, 6113, 6806, 8070, 8636, MS-KILE 3.1.5.1.
    PaType(i32) {
        TGS_REQ = 1, "PA-TGS-REQ";
        ENC_TIMESTAMP = 2, "PA-ENC-TIMESTAMP";
        PW_SALT = 3, "PA-PW-SALT";
        ENC_UNIX_TIME = 5, "PA-ENC-UNIX-TIME";
        SANDIA_SECUREID = 6, "PA-SANDIA-SECUREID";
        SESAME = 7, "PA-SESAME";
        OSF_DCE = 8, "PA-OSF-DCE";
        CYBERSAFE_SECUREID = 9, "PA-CYBERSAFE-SECUREID";
        AFS3_SALT = 10, "PA-AFS3-SALT";
        ETYPE_INFO = 11, "PA-ETYPE-INFO";
        SAM_CHALLENGE = 12, "PA-SAM-CHALLENGE";
        SAM_RESPONSE = 13, "PA-SAM-RESPONSE";
        PK_AS_REQ_OLD = 14, "PA-PK-AS-REQ_OLD", "PKINIT as an early draft had it";
        PK_AS_REP_OLD = 15, "PA-PK-AS-REP_OLD", "PKINIT as an early draft had it; Windows offers it beside 16";
        PK_AS_REQ = 16, "PA-PK-AS-REQ", "PKINIT: logon with a key or certificate";
        PK_AS_REP = 17, "PA-PK-AS-REP", "PKINIT: the KDC's answer with its certificate";
        PK_OCSP_RESPONSE = 18, "PA-PK-OCSP-RESPONSE";
        ETYPE_INFO2 = 19, "PA-ETYPE-INFO2", "encryption types and salts of the account";
        SVR_REFERRAL_INFO = 20, "PA-SVR-REFERRAL-INFO";
        SAM_REDIRECT = 21, "PA-SAM-REDIRECT";
        TD_PADATA = 22, "TD-PADATA";
        SAM_ETYPE_INFO = 23, "PA-SAM-ETYPE-INFO";
        ALT_PRINC = 24, "PA-ALT-PRINC";
        SERVER_REFERRAL = 25, "PA-SERVER-REFERRAL";
        SAM_CHALLENGE2 = 30, "PA-SAM-CHALLENGE2";
        SAM_RESPONSE2 = 31, "PA-SAM-RESPONSE2";
        EXTRA_TGT = 41, "PA-EXTRA-TGT";
        FX_FAST_ARMOR = 71, "PA-FX-FAST-ARMOR";
        TD_PKINIT_CMS_CERTIFICATES = 101, "TD-PKINIT-CMS-CERTIFICATES";
        TD_KRB_PRINCIPAL = 102, "TD-KRB-PRINCIPAL";
        TD_KRB_REALM = 103, "TD-KRB-REALM";
        TD_TRUSTED_CERTIFIERS = 104, "TD-TRUSTED-CERTIFIERS", "the issuers whose certificates the KDC takes";
        TD_INVALID_CERTIFICATES = 105, "TD-INVALID-CERTIFICATES", "the certificates the KDC finds invalid";
        TD_APP_DEFINED_ERROR = 106, "TD-APP-DEFINED-ERROR";
        TD_REQ_NONCE = 107, "TD-REQ-NONCE";
        TD_REQ_SEQ = 108, "TD-REQ-SEQ";
        TD_DH_PARAMETERS = 109, "TD-DH-PARAMETERS", "the Diffie-Hellman groups the KDC takes";
        TD_CMS_DIGEST_ALGORITHMS = 111, "TD-CMS-DIGEST-ALGORITHMS", "the hash algorithms the KDC takes";
        TD_CERT_DIGEST_ALGORITHMS = 112, "TD-CERT-DIGEST-ALGORITHMS",
            "the hash algorithms the KDC takes in certificates";
        PAC_REQUEST = 128, "PA-PAC-REQUEST";
        FOR_USER = 129, "PA-FOR-USER";
        S4U_X509_USER = 130, "PA-S4U-X509-USER";
        FOR_CHECK_DUPS = 131, "PA-FOR-CHECK-DUPS";
        AS_CHECKSUM = 132, "PA-AS-CHECKSUM", "also PA-PK-AS-09-BINDING; Windows PKINIT clients send it empty";
        FX_COOKIE = 133, "PA-FX-COOKIE";
        AUTHENTICATION_SET = 134, "PA-AUTHENTICATION-SET";
        AUTH_SET_SELECTED = 135, "PA-AUTH-SET-SELECTED";
        FX_FAST = 136, "PA-FX-FAST", "armor: the rest of the exchange is inside and encrypted";
        FX_ERROR = 137, "PA-FX-ERROR";
        ENCRYPTED_CHALLENGE = 138, "PA-ENCRYPTED-CHALLENGE", "a password inside armor";
        OTP_CHALLENGE = 141, "PA-OTP-CHALLENGE";
        OTP_REQUEST = 142, "PA-OTP-REQUEST";
        OTP_CONFIRM = 143, "PA-OTP-CONFIRM";
        OTP_PIN_CHANGE = 144, "PA-OTP-PIN-CHANGE";
        EPAK_AS_REQ = 145, "PA-EPAK-AS-REQ";
        EPAK_AS_REP = 146, "PA-EPAK-AS-REP";
        PKINIT_KX = 147, "PA-PKINIT-KX", "anonymous PKINIT";
        PKU2U_NAME = 148, "PA-PKU2U-NAME";
        REQ_ENC_PA_REP = 149, "PA-REQ-ENC-PA-REP";
        AS_FRESHNESS = 150, "PA-AS-FRESHNESS", "a token that proves the signature was made just now";
        SPAKE = 151, "PA-SPAKE";
        KERB_KEY_LIST_REQ = 161, "KERB-KEY-LIST-REQ", "cloud Kerberos trust: a partial ticket is exchanged for a full one";
        KERB_KEY_LIST_REP = 162, "KERB-KEY-LIST-REP";
        SUPPORTED_ENCTYPES = 165, "PA-SUPPORTED-ENCTYPES";
        PAC_OPTIONS = 167, "PA-PAC-OPTIONS";
        SUPERSEDED_BY_USER = 170, "PA-SUPERSEDED-BY-USER";
        DMSA_KEY_PACKAGE = 171, "PA-DMSA-KEY-PACKAGE";
        GSS = 655, "PA-GSS";
    }
}
