//! Types of principal names.

wire_number! {
    /// Type of a principal name: RFC 4120 §6.2, RFC 6111, RFC 6806; the negative ones are Microsoft's.
    NameType(i32) {
        ENT_PRINCIPAL_AND_ID = -130, "NT-ENT-PRINCIPAL-AND-ID";
        MS_PRINCIPAL_AND_ID = -129, "NT-MS-PRINCIPAL-AND-ID";
        MS_PRINCIPAL = -128, "NT-MS-PRINCIPAL";
        UNKNOWN = 0, "NT-UNKNOWN";
        PRINCIPAL = 1, "NT-PRINCIPAL";
        SRV_INST = 2, "NT-SRV-INST";
        SRV_HST = 3, "NT-SRV-HST";
        SRV_XHST = 4, "NT-SRV-XHST";
        UID = 5, "NT-UID";
        X500_PRINCIPAL = 6, "NT-X500-PRINCIPAL";
        SMTP_NAME = 7, "NT-SMTP-NAME";
        ENTERPRISE = 10, "NT-ENTERPRISE", "a user principal name that the KDC is to look up";
        WELLKNOWN = 11, "NT-WELLKNOWN";
        SRV_HST_DOMAIN = 12, "NT-SRV-HST-DOMAIN";
    }
}
