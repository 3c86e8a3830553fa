//! Encryption types, and the PKINIT algorithm identifiers that share their registry.

wire_number! {
    /// Encryption type: RFC 3961 §8 and its registry, RFC 4556 §3.1.4, RFC 8009, MS-KILE 3.1.5.2.
    EncryptionType(i32) {
        RC4_HMAC_OLD_EXP = -135, "rc4-hmac-old-exp", "an early form of RC4 that Windows still lists";
        RC4_HMAC_OLD = -133, "rc4-hmac-old", "an early form of RC4 that Windows still lists";
        RC4_MD4 = -128, "rc4-md4", "an early form of RC4";
        NULL = 0, "null";
        DES_CBC_CRC = 1, "des-cbc-crc";
        DES_CBC_MD4 = 2, "des-cbc-md4";
        DES_CBC_MD5 = 3, "des-cbc-md5";
        DES3_CBC_MD5 = 5, "des3-cbc-md5";
        DES3_CBC_SHA1_OLD = 7, "des3-cbc-sha1";
        DSA_SHA1_CMS = 9, "dsaWithSHA1-CmsOID";
        MD5_RSA_CMS = 10, "md5WithRSAEncryption-CmsOID";
        SHA1_RSA_CMS = 11, "sha1WithRSAEncryption-CmsOID";
        RC2_CBC_CMS = 12, "rc2CBC-EnvOID";
        RSA_CMS = 13, "rsaEncryption-EnvOID";
        RSA_OAEP_CMS = 14, "rsaES-OAEP-ENV-OID";
        DES_EDE3_CBC_CMS = 15, "des-ede3-cbc-Env-OID", "the client can take a PKINIT reply by RSA key transport";
        DES3_CBC_SHA1 = 16, "des3-cbc-sha1-kd";
        AES128_CTS_HMAC_SHA1_96 = 17, "aes128-cts-hmac-sha1-96";
        AES256_CTS_HMAC_SHA1_96 = 18, "aes256-cts-hmac-sha1-96";
        AES128_CTS_HMAC_SHA256_128 = 19, "aes128-cts-hmac-sha256-128";
        AES256_CTS_HMAC_SHA384_192 = 20, "aes256-cts-hmac-sha384-192";
        RC4_HMAC = 23, "rc4-hmac";
        RC4_HMAC_EXP = 24, "rc4-hmac-exp";
        CAMELLIA128_CTS_CMAC = 25, "camellia128-cts-cmac";
        CAMELLIA256_CTS_CMAC = 26, "camellia256-cts-cmac";
    }
}

impl EncryptionType {
    /// Whether it is deprecated: DES (RFC 6649), triple DES and RC4 (RFC 8429), the latter with its Windows variants.
    ///
    /// The identifiers 9 to 15 are not encryption types of tickets: in a PKINIT request they list algorithms that the
    /// client's CMS code can do (RFC 4556 §3.1.4), and none of them counts as weak.
    pub fn is_weak(self) -> bool {
        matches!(
            self,
            Self::DES_CBC_CRC
                | Self::DES_CBC_MD4
                | Self::DES_CBC_MD5
                | Self::DES3_CBC_MD5
                | Self::DES3_CBC_SHA1_OLD
                | Self::DES3_CBC_SHA1
                | Self::RC4_HMAC
                | Self::RC4_HMAC_EXP
                | Self::RC4_MD4
                | Self::RC4_HMAC_OLD
                | Self::RC4_HMAC_OLD_EXP
        )
    }
}
