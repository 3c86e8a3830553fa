//! PKI-01.

use capture::CaptureTime;
use trace::{
    Facts,
    cloud::{Failure, Fetch, FetchBody},
};

use super::{fetched, named_by_a_dc, question, shows_a_dc_certificate};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, rules::cloud,
    windows::REVOCATION_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer asks for a certificate revocation list (CRL) and does not get it. A client must check that the domain
    /// controller's certificate is not revoked; where it cannot, it may take no ticket, and the user reads a general
    /// failure.
    ///
    /// ## How we know
    ///
    /// A GET for a CRL was answered with a status of 400 or more, with something that is no CRL (a page of a captive
    /// portal, for instance), or by sending the client elsewhere, where it got none; or the host that the domain
    /// controller's certificate names, or one for lists by its own name, was not reached; and the same client did not
    /// get that list within a minute. It is likely and critical where the address stands in a certificate that a domain
    /// controller showed, and the client had just got a ticket by PKINIT and did not use any. Otherwise it is possible
    /// and of severity medium: the client may have the list in its cache. Where the capture shows domain controllers'
    /// certificates, lists that none of them names are left alone; so are delta lists (PKI-04).
    ///
    /// ## What to do
    ///
    /// 1. On the client: `certutil -urlcache crl delete`, then `certutil -verify -urlfetch dc.cer` with the domain
    ///    controller's certificate.
    /// 2. Publish the list at an HTTP address that clients reach without signing in, from VPN and from outside, too: on
    ///    the CA, `certutil -CRL`, then copy it to the web server in the evidence.
    /// 3. If a portal or proxy answers in its place, let port 80 to that host pass.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.2.1.13; Microsoft: Windows Hello for Business for Entra-joined devices (CRL distribution point);
    /// text of Kerberos client event 102. A 404 was seen in a capture.
    pub static LIST_UNAVAILABLE = {
        code: "PKI-01",
        title: "the revocation list of the domain controller's certificate cannot be fetched",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_040c],
        events: ["Kerberos client 102", "CAPI2 53", "CAPI2 41"],
        check: Scope::Fetch(check),
    };
}

fn check(fetch: &Fetch, facts: &Facts) -> Verdict {
    let by_a_dc = named_by_a_dc(fetch, facts);
    let path = fetch.path.to_lowercase();
    let not_reached = fetch.failure.is_some_and(|(failure, _)| !matches!(failure, Failure::Name(_)));
    let is_list =
        path.as_bytes().ends_with(b".crl") || not_reached || (by_a_dc && !matches!(fetch.body, FetchBody::Ocsp(_)));
    if !is_list || path.ends_with("+.crl") || (shows_a_dc_certificate(facts) && !by_a_dc) {
        return Verdict::Clear;
    }
    let (why, failing) = match (fetch.answer, &fetch.failure) {
        (Some((seen, status)), _) if status >= 400 => {
            let means = "the server does not give the list".to_owned();
            (format!("the answer is {status}"), Evidence::new(seen, "http.response.code", status.to_string(), means))
        }
        (Some((seen, status @ 300..=399)), _) if status != NOT_MODIFIED && !got_any(fetch, facts) => {
            let means = "the client is sent elsewhere, and gets no list there".to_owned();
            let why = format!("the answer is {status}, and no list comes from elsewhere");
            (why, Evidence::new(seen, "http.response.code", status.to_string(), means))
        }
        (Some((seen, 200)), _) if fetch.body == FetchBody::Other => {
            let means = "what comes is no revocation list".to_owned();
            ("what comes is none".to_owned(), Evidence::new(seen, "http.file_data", "no CRL", means))
        }
        (_, Some((failure, instance))) => {
            if instance.worked_within(REVOCATION_SECONDS.of(facts)) {
                return Verdict::Clear;
            }
            match cloud::no_connection(*failure, instance, facts) {
                Ok(told) => told,
                Err(verdict) => return verdict,
            }
        }
        (None, None) if fetch.undecided && !facts.finished() => return Verdict::Pending,
        _ => return Verdict::Clear,
    };
    let Some(at) = fetch.seen().map(|seen| seen.at) else { return Verdict::Clear };
    if fetched(fetch, facts) {
        return Verdict::Clear;
    }
    let stopped = by_a_dc && got_a_ticket_and_left_it(fetch, facts, at);
    let confidence = if stopped { Confidence::Likely } else { Confidence::Possible };
    let address = if fetch.path.is_empty() { fetch.host.clone() } else { fetch.address() };
    let of = if by_a_dc { " of the domain controller's certificate" } else { "" };
    let summary = format!("the revocation list{of} at http://{address} cannot be fetched: {why}");
    let mut found =
        Found::new(confidence, Subject::Host(fetch.host.clone()), summary).with(failing).with_some(question(fetch));
    if !stopped {
        found = found.with_severity(Severity::Medium);
    }
    found.into()
}

/// RFC 9110 §15.4.5: the client has the list already.
const NOT_MODIFIED: u16 = 304;

/// Whether the client got any list about that time: it may have been sent there.
fn got_any(fetch: &Fetch, facts: &Facts) -> bool {
    let Some(at) = fetch.seen().map(|seen| seen.at) else { return false };
    let mut others = facts.cloud.fetches().iter().filter(|other| other.client == fetch.client);
    others.any(|other| {
        matches!(other.body, FetchBody::Crl(_))
            && other
                .seen()
                .is_some_and(|seen| seen.at.since(at).abs() <= REVOCATION_SECONDS.of(facts) * CaptureTime::SECOND)
    })
}

/// Whether the client was granted a ticket shortly before or after, by a domain controller that does PKINIT, and was
/// never seen to use one.
fn got_a_ticket_and_left_it(fetch: &Fetch, facts: &Facts, at: CaptureTime) -> bool {
    !facts.clients_seen_from_the_start.contains(&fetch.client)
        && facts.granted_to_client(fetch.client, at, REVOCATION_SECONDS.of(facts))
        && facts.domain_controllers.values().any(|dc| dc.issued_around(at, REVOCATION_SECONDS.of(facts)))
}

#[cfg(test)]
mod tests {
    use super::LIST_UNAVAILABLE;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_list_is_not_there() {
        let finding = found(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > web  http GET http://pki.corp.example/missing.crl
            0.010 web > pc  http 404 GET http://pki.corp.example/missing.crl
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Possible, Severity::Medium));
    }

    #[test]
    fn likely_when_the_client_then_leaves_its_ticket() {
        let finding = found(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit cdp http://pki.corp.example/corp.crl
            0.020 pc > web  http GET http://pki.corp.example/corp.crl
            0.030 web > pc  http 200 GET http://pki.corp.example/corp.crl page
            60  end
        ",
        );
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Likely, Severity::Critical));
    }

    #[test]
    fn found_when_the_host_is_not_reached() {
        let finding = found(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit cdp http://pki.corp.example/corp.crl
            0.020 dns > pc  a-answer pki.corp.example 10.99.0.50
            0.030 pc > web  connect refused port 80
            60  end
        ",
        );
        assert_eq!(finding.packets(), [4]);
        assert_eq!(finding.severity(), Severity::Critical);
    }

    #[test]
    fn found_when_a_portal_sends_the_client_elsewhere() {
        found(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > web  http GET http://crl3.digicert.com/list.crl
            0.010 web > pc  http 302 GET http://crl3.digicert.com/list.crl
            0.020 pc > web  http GET http://portal.example/login
            0.030 web > pc  http 200 GET http://portal.example/login
        ",
        );
    }

    #[test]
    fn clear_when_the_list_is_elsewhere() {
        clear(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > web  http GET http://pki.corp.example/corp.crl
            0.010 web > pc  http 301 GET http://pki.corp.example/corp.crl
            0.020 pc > web  http GET http://www.corp.example/pki/corp.crl
            0.030 web > pc  http 200 GET http://www.corp.example/pki/corp.crl crl 86400
        ",
        );
    }

    #[test]
    fn clear_when_the_client_gets_it_later() {
        clear(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > web  http GET http://pki.corp.example/corp.crl
            0.010 web > pc  http 503 GET http://pki.corp.example/corp.crl
            5.000 pc > web  http GET http://pki.corp.example/corp.crl
            5.010 web > pc  http 200 GET http://pki.corp.example/corp.crl crl 86400
        ",
        );
    }

    #[test]
    fn clear_when_no_domain_controller_names_it() {
        clear(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit cdp http://pki.corp.example/corp.crl
            0.020 pc > web  http GET http://crl.shop.example/shop.crl
            0.030 web > pc  http 404 GET http://crl.shop.example/shop.crl
        ",
        );
    }

    #[test]
    fn clear_when_it_is_a_delta_list_or_no_list() {
        clear(
            &LIST_UNAVAILABLE,
            "
            0.000 pc > web  http GET http://pki.corp.example/corp+.crl
            0.010 web > pc  http 404 GET http://pki.corp.example/corp+.crl
            0.020 pc > web  http GET http://www.corp.example/page
            0.030 web > pc  http 404 GET http://www.corp.example/page
        ",
        );
    }

    #[test]
    fn pending_until_the_server_answers() {
        pending(&LIST_UNAVAILABLE, "0.000 pc > web http GET http://pki.corp.example/corp.crl\n1 open");
    }
}
