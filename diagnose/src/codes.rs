//! Kerberos errors and NTSTATUS values on which no finding rests by themselves, and why.
//!
//! Every other error and status that [`ErrorCode`] and [`NtStatus`] name leads to a rule of the catalogue by
//! [`crate::by_error`] and [`crate::by_status`].

/// What is normal about a Kerberos error to which a finding is no answer; `None` when it leads to one, or is not known.
///
/// Some errors have both: they are normal in themselves, and a rule looks at what comes of them.
pub fn normal_error(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "It says that nothing is wrong. As the code of an error it tells nothing.",
        13 => {
            "Windows asks for options (forwarding, delegation, user-to-user) that the KDC may not grant, and goes on \
             without. With the status 0xC00000BB or 0xC0000272 it is in most captures of Windows, of sign-ins that work."
        }
        25 => {
            "The first step of most sign-ins: the client asks without proof, and the KDC says which kinds it takes. That \
             the list holds PKINIT (16) does not show that the domain controller has a certificate."
        }
        27 | 69 => "The service takes user-to-user tickets only; the client asks again for one.",
        48 => "The server names another way of authentication; the client goes on with it.",
        52 => {
            "The answer is too long for UDP; the client asks again over TCP. A finding is that it does not get through."
        }
        68 => {
            "The user belongs to another realm, which the answer names; the client asks there. A finding is that it does not."
        }
        91 => "The KDC asks for the next message of an exchange of several, inside armor or with a one-time password.",
        _ => return None,
    })
}

/// What is normal about an NTSTATUS to which a finding is no answer; `None` when it leads to one, or is not known.
pub fn normal_status(status: u32) -> Option<&'static str> {
    Some(match status {
        0xc000_00bb => {
            "In error 13 to a request for a service ticket it is routine. In error 16 to a sign-in, and in the client's event \
             log, it stands for a domain controller without a certificate for PKINIT."
        }
        0xc000_0272 => "In error 13, of a delegation that nothing allows: routine in captures of Windows.",
        0xc000_0371 => {
            "In error 7, of a read-only domain controller: it holds no secret of the service, and the client asks a full one \
             next."
        }
        0xc000_0408 => "The service takes user-to-user tickets only; the client asks again for one.",
        0xc000_005f => {
            "A status of the client's own: seen with a fingerprint or face after the sign-in with the key failed, whose \
             finding says why."
        }
        0xc000_0203 | 0xc000_02ee | 0xc000_02ef | 0xc000_02c3 | 0xc000_040a | 0xc000_0418 | 0xc000_042e => {
            "A status of the client or of a service, not of a KDC: no Kerberos answer carries it."
        }
        0xc000_0233 => {
            "A status of the client's own: it found no domain controller. The findings about locating one (LOC) and about \
             reaching it (NET) say why."
        }
        0xc000_0321 | 0xc000_0380..=0xc000_0387 | 0xc000_038f => {
            "A status of the card, the TPM or the PIN at the client. Nothing of it is sent; a wrong PIN leaves no trace in a \
             capture."
        }
        0xc000_040f => {
            "A status of the client's own: the domain controller's certificate has been revoked. What can be seen of it is that \
             the client uses no ticket of this domain controller (DCC-11) after it asked for a CRL or an OCSP response."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use decode::kerberos::{ErrorCode, NtStatus};
    use trace::script::play;

    use super::{normal_error, normal_status};
    use crate::{by_error, by_status, diagnose};

    /// The codes found in a logon that is played, info and KEY-16 (scripts name keys as no Windows Hello does) left
    /// out.
    fn codes_in(script: &str) -> Vec<&'static str> {
        let played = play(script);
        let (findings, failures) = diagnose(played.logons(), played.facts());
        assert!(failures.0.is_empty(), "{script}");
        let worth = findings.iter().filter(|finding| finding.severity > crate::Severity::Info);
        worth.map(|finding| finding.rule.code).filter(|code| *code != "KEY-16").collect()
    }

    /// A sign-in with a key that is answered so.
    fn key(answer: &str) -> String {
        format!("0.000 pc > dc as-req alice@corp.example pkinit made 90000\n0.010 dc > pc krb-error {answer}\n60 end")
    }

    /// A sign-in with a certificate that a CA issued.
    fn card(answer: &str) -> String {
        format!("0.000 pc > dc as-req alice pkinit issued C1\n0.010 dc > pc krb-error {answer}\n60 end")
    }

    /// A sign-in with a password.
    fn password(answer: &str) -> String {
        format!("0.000 pc > dc as-req alice password\n0.010 dc > pc krb-error {answer}\n60 end")
    }

    /// A request for a service ticket with a ticket from a sign-in with a key.
    fn service(answer: &str) -> String {
        format!(
            "0.000 pc > dc as-req alice pkinit made 90000\n0.010 dc > pc as-rep alice ticket T1 pkinit\n\
             0.020 pc > dc tgs-req cifs/files ticket T1\n0.030 dc > pc krb-error {answer}\n60 end"
        )
    }

    /// What is played for an error, and what is found then. Errors that are not here are answered to a key.
    fn case_of(code: i32) -> (String, &'static str) {
        let bare = code.to_string();
        match code {
            1 => (key(&bare), "ACC-04"),
            6 => (key(&bare), "ACC-01"),
            7 => (service(&bare), "TKT-02"),
            8 => (key(&bare), "ACC-11"),
            12 => (key(&bare), "ACC-08"),
            14 => (key(&bare), "TKT-03"),
            16 => (key(&bare), "DCC-01"),
            18 => (key(&bare), "ACC-09"),
            20 => (service(&bare), "TKT-04"),
            23 => (key(&bare), "ACC-06"),
            24 => (format!("{0}\n{0}\n{0}", password(&bare).replace("60 end", "")) + "60 end", "ACC-12"),
            29 | 60 => (key(&bare), "TKT-08"),
            31 => (key(&bare), "POL-11"),
            32 | 33 => {
                (service(&bare).replace("pc > dc tgs", "pc > dc2 tgs").replace("dc > pc krb", "dc2 > pc krb"), "TIM-04")
            }
            34 => (key(&bare), "TIM-05"),
            37 => (key(&bare), "TIM-01"),
            41 => (service(&bare), "TKT-10"),
            44 => (service(&bare), "TKT-05"),
            52 => {
                ("0.000 pc > dc as-req alice pkinit udp\n0.010 dc > pc krb-error 52 udp\n60 end".to_owned(), "NET-04")
            }
            62 => (key(&bare), "KEY-02"),
            63 | 76 => (key(&bare), "DCC-15"),
            64 => (key(&bare), "KEY-13"),
            65 => (key(&bare), "POL-05"),
            66 => (card(&bare), "PKI-09"),
            68 => (key("68 client-realm OTHER.EXAMPLE"), "ACC-10"),
            70 | 71 => (card(&bare), "PKI-07"),
            72 => (card(&bare), "PKI-06"),
            73 | 74 => (card(&bare), "PKI-05"),
            75 => (key(&bare), "KEY-01"),
            77 => (card(&bare), "PKI-10"),
            78 | 80 => (key(&bare), "POL-03"),
            79 => (key(&bare), "POL-04"),
            81 => (key(&bare), "POL-06"),
            90 => (key(&bare).replace("pkinit", "pkinit freshness"), "POL-01"),
            93 => (key(&bare).replace("pkinit made 90000", "fast"), "POL-07"),
            _ => (key(&bare), "TKT-10"),
        }
    }

    #[test]
    fn every_error_leads_to_a_finding_or_is_normal() {
        // Up to 93 all, named or not; beyond, those that have a name.
        let codes = (0..=93).chain(ErrorCode::ALL.iter().map(|code| code.0).filter(|code| *code > 93));
        for code in codes {
            let also_found = [52, 68].contains(&code);
            if let Some(normal) = normal_error(code).filter(|_| !also_found) {
                assert!(normal.ends_with('.') && !normal.contains("  "), "{code}: {normal}");
                for script in [key(&code.to_string()), password(&code.to_string())] {
                    assert_eq!(codes_in(&script), Vec::<&str>::new(), "{code} is normal: {script}");
                }
                continue;
            }
            let (script, wanted) = case_of(code);
            assert_eq!(codes_in(&script), [wanted], "{code}: {script}");
            if ErrorCode(code).name().is_some() {
                assert!(by_error(code).iter().any(|rule| rule.code == wanted), "{wanted} does not list {code}");
            }
        }
    }

    /// Statuses that a KDC sends: what is played, and what is found then. Those that are not here come with error 12.
    fn status_case(status: u32) -> (String, &'static str) {
        let with = |code: i32| format!("{code} status {status:#010x}");
        match status {
            0xc000_0064 => (key(&with(6)), "ACC-01"),
            0xc000_006a => (format!("{0}\n{0}\n{0}", password(&with(24)).replace("60 end", "")) + "60 end", "ACC-12"),
            0xc000_006e | 0xc000_0413 => (key(&with(12)), "ACC-08"),
            0xc000_006f => (key(&with(18)), "ACC-05"),
            0xc000_0070 => (key(&with(12)), "ACC-05"),
            0xc000_0071 | 0xc000_0224 => (password(&with(23)), "ACC-06"),
            0xc000_0072 => (key(&with(18)), "ACC-02"),
            0xc000_00dc | 0xc000_00e5 | 0xc000_0192 => (key(&with(29)), "TKT-08"),
            0xc000_0133 => (key(&with(37)), "TIM-01"),
            0xc000_0193 => (key(&with(18)), "ACC-04"),
            0xc000_0234 => (key(&with(18)), "ACC-03"),
            0xc000_02f7 => (key(&with(8)), "ACC-11"),
            0xc000_02f9 => (key(&with(75)), "KEY-01"),
            0xc000_02fa => (password(&with(12)), "ACC-07"),
            0xc000_02fd => (key(&with(14)), "TKT-03"),
            0xc000_0389 => (card(&with(72)), "PKI-06"),
            0xc000_038a | 0xc000_038c => (card(&with(70)), "PKI-07"),
            0xc000_038b => (card(&with(74)), "PKI-05"),
            0xc000_0322 => (key(&with(9)), "TKT-10"),
            _ => (key(&with(12)), "TKT-10"),
        }
    }

    /// Statuses that clients write into their event logs. No KDC sends them; the rules that list them look at what the
    /// client does, and have tests of their own.
    const OF_THE_CLIENT: [u32; 8] =
        [0xc000_005e, 0xc000_006d, 0xc000_0320, 0xc000_038d, 0xc000_040c, 0xc000_040d, 0xc000_040e, 0xc000_0714];

    #[test]
    fn every_status_leads_to_a_finding_or_is_normal() {
        for status in NtStatus::ALL.iter().map(|status| status.0) {
            if let Some(normal) = normal_status(status) {
                assert!(normal.ends_with('.') && !normal.contains("  "), "{status:#x}: {normal}");
                let code = if status == 0xc000_0371 { 7 } else { 13 };
                let answer = format!("{code} status {status:#010x}");
                assert_eq!(codes_in(&service(&answer)), Vec::<&str>::new(), "{status:#x} is normal");
            } else if OF_THE_CLIENT.contains(&status) {
                assert!(!by_status(status).is_empty(), "{status:#x} leads nowhere");
            } else {
                let (script, wanted) = status_case(status);
                assert_eq!(codes_in(&script), [wanted], "{status:#x}: {script}");
                assert!(by_status(status).iter().any(|rule| rule.code == wanted), "{wanted} does not list {status:#x}");
            }
        }
    }
}
