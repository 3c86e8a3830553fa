//! SYN-08.

use decode::ldap::ResultCode;
use trace::{Facts, KEY_ATTRIBUTE};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The schema of Active Directory has no attribute for keys of Windows Hello (msDS-KeyCredentialLink). It comes
    /// with the schema of Windows Server 2016. Without it no key can be written.
    ///
    /// ## How we know
    ///
    /// A write of this attribute over LDAP that is not encrypted was answered with result 17 (undefinedAttributeType):
    /// the domain controller says so itself. Or an export of the directory (`--directory`) has the schema with an
    /// objectVersion below 87, and nothing in it has the attribute.
    ///
    /// ## What to do
    ///
    /// 1. See which schema it is:
    ///    `(Get-ADObject (Get-ADRootDSE).schemaNamingContext -Properties objectVersion).objectVersion`. 87 is Windows
    ///    Server 2016, 88 is 2019 and 2022, 91 is 2025.
    /// 2. Extend it: run `adprep /forestprep` from the media of Windows Server 2016 or later, as a member of Schema
    ///    Admins.
    /// 3. Refresh the schema in Entra Connect ("Refresh directory schema" in its wizard), then synchronise in full.
    ///
    /// ## Sources
    ///
    /// RFC 4511 appendix A.2 (result 17); MS-ADA2 2.358; Microsoft: hybrid key trust prerequisites. Not seen in a
    /// capture.
    pub static SCHEMA_TOO_OLD = {
        code: "SYN-08",
        title: "the schema has no attribute for keys",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Capture(check),
    };
}

/// objectVersion of the schema of Windows Server 2016.
const SERVER_2016: u32 = 87;

fn check(facts: &Facts) -> Verdict {
    let writes = facts.credentials.writes();
    for write in writes {
        if let Some((seen, ResultCode::UNDEFINED_ATTRIBUTE_TYPE)) = write.answer {
            let server = write.server;
            let summary = format!("{server} knows no attribute {KEY_ATTRIBUTE}: its schema is too old for keys");
            return Found::new(Confidence::Proven, Subject::DomainController(server), summary)
                .with(Evidence::new(seen, "ldap.resultCode", "17", "the attribute is not in the schema"))
                .with(Evidence::new(write.asked, "ldap.type", KEY_ATTRIBUTE, format!("{} writes a key", write.client)))
                .into();
        }
    }
    let directory = &facts.directory;
    let old = directory.schema_version().filter(|version| *version < SERVER_2016);
    if let Some(version) = old.filter(|_| !directory.schema_has_keys()) {
        let summary = format!(
            "the schema that was exported is of version {version}, before Windows Server 2016 (87), and has no attribute \
             for keys"
        );
        return Found::new(Confidence::Likely, Subject::Capture, summary).into();
    }
    if writes.iter().any(|write| write.answer.is_none()) && !facts.finished() {
        Verdict::Pending
    } else {
        Verdict::Clear
    }
}

#[cfg(test)]
mod tests {
    use super::SCHEMA_TOO_OLD;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    const WRITE: &str = "1.0 pc > dc modify CN=bob,DC=corp,DC=example adds K1 id 8\n";

    #[test]
    fn proven_when_the_domain_controller_says_so() {
        let finding = found(&SCHEMA_TOO_OLD, &format!("{WRITE}1.1 dc > pc modify-result 17 id 8"));
        assert_eq!((finding.packets(), finding.found.confidence), (vec![2, 1], Confidence::Proven));
    }

    #[test]
    fn likely_by_the_schema_that_was_exported() {
        let finding = found(&SCHEMA_TOO_OLD, "0 schema 69");
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("version 69"));
    }

    #[test]
    fn clear_of_a_newer_schema_or_another_result() {
        clear(&SCHEMA_TOO_OLD, "0 schema 87");
        clear(&SCHEMA_TOO_OLD, "0 schema 69\n0 export bob keys K1");
        clear(&SCHEMA_TOO_OLD, &format!("{WRITE}1.1 dc > pc modify-result 50 id 8"));
        let other = WRITE.replace("adds K1", "attribute description");
        clear(&SCHEMA_TOO_OLD, &format!("{other}1.1 dc > pc modify-result 17 id 8"));
    }

    #[test]
    fn pending_until_the_result_comes() {
        pending(&SCHEMA_TOO_OLD, &format!("{WRITE}2 open"));
    }
}
