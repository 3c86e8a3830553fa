//! TIM-01.

use std::net::IpAddr;

use decode::{
    Seen,
    kerberos::{ErrorCode, KerberosTime},
};
use trace::{DomainController, Exchange, Facts, Logon};

use super::adjusted::adjusted;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{
        policy::refusal_31::{Cause, cause},
        refusal::{PkinitRefusal, still_waiting},
    },
    windows::{ADJUSTED_SECONDS, CLOCK_OFF_SECONDS, CLOCKS_AGREE_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// The clocks of the client and the domain controller are more than five minutes apart, and Kerberos
    /// refuses what seems to come from the past or the future. Nobody can sign in from a client, or at a domain
    /// controller, whose clock is that far off.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 37 (KRB_AP_ERR_SKEW). Samba and Heimdal answer a PKINIT
    /// request with 31 instead; there the time in the signed request and the time in the error are compared.
    /// Which side is off is judged by the clock of the capture: if the domain controllers all differ from it by
    /// the same amount, it is the capture's own clock that is wrong. The finding is withdrawn when the client
    /// gets a ticket within ten seconds: some clients allow for the difference and ask again.
    ///
    /// ## What to do
    ///
    /// 1. On the side that is off, see from where it takes its time: `w32tm /query /status` and
    ///    `w32tm /query /source`.
    /// 2. Set it right: `w32tm /resync /rediscover`. A client that belongs to the domain takes its time from a
    ///    domain controller, and these from the PDC emulator: `w32tm /config /syncfromflags:domhier /update`.
    /// 3. On the PDC emulator, name a reliable source:
    ///    `w32tm /config /manualpeerlist:"ntp.example.com,0x8" /syncfromflags:manual /reliable:yes /update`.
    /// 4. On virtual machines, switch off the host's time synchronisation for domain controllers, and compare
    ///    all of them: `w32tm /monitor`.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §3.1.3 and §7.5.9; RFC 4556 §3.2.2; SkewTime in Microsoft's list of Kerberos registry entries.
    /// Seen in captures of MIT (37) and Samba (31 to PKINIT, 37 to passwords).
    pub static CLOCK_SKEW = {
        code: "TIM-01",
        title: "the clocks of client and domain controller are too far apart",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["KEY-20", "POL-11", "TIM-02"],
        errors: [31, 37],
        statuses: [0xc000_0133],
        events: ["System 3", "System 5", "W32Time 36", "W32Time 50"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for exchange in &logon.exchanges {
        let Some(confidence) = sureness(exchange, facts) else { continue };
        let (Some(error), Some(reply)) = (exchange.error(), exchange.reply.as_deref()) else { continue };
        if adjusted(logon, facts, reply.seen.at) {
            continue;
        }
        let clocks = Clocks::of(exchange);
        let dc_is_off = is_off(exchange.kdc.address, facts);
        let subject = if dc_is_off {
            Subject::DomainController(exchange.kdc.address)
        } else {
            Subject::Device(exchange.client.address)
        };
        let by = clocks.apart().map(|seconds| format!(", {} apart", amount(seconds.abs()))).unwrap_or_default();
        let side = if dc_is_off {
            "the domain controller's clock is off by the capture's"
        } else if clocks.client.is_some() {
            "by the capture's clock the client is off"
        } else {
            "the domain controller's clock is not off by the capture's, so the client's probably is"
        };
        let what = if error.code == ErrorCode::SKEW {
            "the domain controller refused the client's clock"
        } else {
            "the domain controller refused a request whose clock is too far from its own"
        };
        // Error 31 tells the client nothing that it could change by itself.
        let told = error.code == ErrorCode::SKEW;
        return Found::new(
            confidence.lowered_unless(!told || facts.passed(reply.seen.at, ADJUSTED_SECONDS.of(facts))),
            subject,
            format!("{what}{by}; {side}"),
        )
        .with(Evidence::new(reply.seen, "kerberos.error_code", error.code.to_string(), "the clocks are too far apart"))
        .with_some(clocks.dc.map(|clock| clock.evidence("kerberos.stime", "the domain controller's clock")))
        .with_some(clocks.client.map(|clock| clock.evidence(clocks.client_field, "the client's clock")))
        .into();
    }
    still_waiting(logon, facts)
}

/// How sure the answer makes us; `None` when it does not speak of this fault.
fn sureness(exchange: &Exchange, facts: &Facts) -> Option<Confidence> {
    if exchange.error()?.code == ErrorCode::SKEW {
        return Some(Confidence::Proven);
    }
    (cause(&PkinitRefusal::of(exchange)?, facts)? == Cause::ClockSkew).then_some(Confidence::Likely)
}

/// Whether a domain controller's clock is off by the capture's, and not the capture's by all domain controllers'.
pub(super) fn is_off(kdc: IpAddr, facts: &Facts) -> bool {
    let offset = DomainController::clock_offset;
    let Some(own) = facts.domain_controllers.get(&kdc).and_then(offset) else { return false };
    let others = facts.domain_controllers.iter().filter(|(address, _)| **address != kdc);
    let alone =
        !others.filter_map(|(_, dc)| offset(dc)).any(|other| (other - own).abs() <= CLOCKS_AGREE_SECONDS.of(facts));
    own.abs() > CLOCK_OFF_SECONDS.of(facts) && alone
}

/// A clock as a message tells it.
#[derive(Clone, Copy)]
struct Clock {
    told: KerberosTime,
    seen: Seen,
}

impl Clock {
    fn offset(self) -> i64 {
        self.told.seconds() - self.seen.at.seconds()
    }

    fn evidence(self, field: &'static str, whose: &str) -> Evidence {
        let against = match self.offset() {
            -1..=1 => "as the capture's".to_owned(),
            ahead @ 2.. => format!("{} ahead of the capture's", amount(ahead)),
            behind => format!("{} behind the capture's", amount(-behind)),
        };
        Evidence::new(self.seen, field, self.told.to_string(), format!("{whose}, {against}"))
    }
}

/// What both sides say about the time.
struct Clocks {
    dc: Option<Clock>,
    client: Option<Clock>,
    client_field: &'static str,
}

impl Clocks {
    fn of(exchange: &Exchange) -> Self {
        let error = exchange.error();
        let asked = exchange.request.as_deref().map(|event| event.seen);
        let answered = exchange.reply.as_deref().map(|event| event.seen);
        let clock = |told: Option<KerberosTime>, seen: Option<Seen>| Some(Clock { told: told?, seen: seen? });
        let signed = exchange.kdc_request().and_then(|request| request.pkinit.as_deref()?.ctime);
        let (client, client_field) = match clock(signed, asked) {
            Some(client) => (Some(client), "pkinit.ctime_element"),
            None => (clock(error.and_then(|error| error.ctime), answered), "kerberos.ctime"),
        };
        Self { dc: clock(error.and_then(|error| error.stime), answered), client, client_field }
    }

    /// The client's clock minus the domain controller's, in seconds.
    fn apart(&self) -> Option<i64> {
        Some(self.client?.told.seconds() - self.dc?.told.seconds())
    }
}

/// A span of seconds in words.
pub(super) fn amount(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::CLOCK_SKEW;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending},
    };

    const PC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 21));
    const DC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 10));

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice pkinit clock 7200
            0.010 dc > pc  krb-error 37
            30    end
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.subject, Subject::Device(PC));
    }

    #[test]
    fn found_for_a_password_and_less_sure_at_the_end_of_the_capture() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  krb-error 37
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_request_shows_what_31_hides() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice pkinit clock -7200
            0.010 dc > pc  krb-error 31
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_at_a_domain_controller_whose_clock_is_off() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 37 clock 900
            30    end
        ",
        );
        assert_eq!(finding.found.subject, Subject::DomainController(DC));
    }

    #[test]
    fn the_client_is_off_where_all_domain_controllers_agree() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc2 > dc2 as-req bob
            0.010 dc2 > pc2 krb-error 25 padata 16,2 clock 900
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  krb-error 37 clock 901
            30    end
        ",
        );
        assert_eq!(finding.found.subject, Subject::Device(PC));
    }

    #[test]
    fn found_for_a_service_ticket() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  tgs-req host/srv ticket T9
            0.010 dc > pc  krb-error 37
            30    end
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
    }

    #[test]
    fn clear_when_the_client_allows_for_it() {
        clear(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  krb-error 37
            0.020 pc > dc  as-req alice password
            0.030 dc > pc  as-rep alice ticket T1
        ",
        );
    }

    #[test]
    fn found_when_only_another_client_of_the_user_gets_in() {
        found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  krb-error 37
            0.020 pc2 > dc as-req alice password
            0.030 dc > pc2 as-rep alice ticket T1
        ",
        );
    }

    #[test]
    fn clear_when_31_comes_within_the_allowed_difference() {
        clear(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice pkinit clock 290
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice pkinit clock 7200
            1.000 open
        ",
        );
    }

    #[test]
    fn about_the_machine_to_which_the_ticket_was_forwarded() {
        let finding = found(
            &CLOCK_SKEW,
            "
            0.000 pc > dc   as-req alice password
            0.004 dc > pc   as-rep alice ticket T1
            9.000 pc2 > dc  tgs-req cifs/dc ticket T1
            9.004 dc > pc2  krb-error 37
            30              end
        ",
        );
        assert_eq!(finding.found.subject, crate::Subject::Device(std::net::IpAddr::from([10, 99, 0, 22])));
    }

    #[test]
    fn clear_when_the_client_comes_with_a_ticket_whose_issue_was_missed() {
        clear(
            &CLOCK_SKEW,
            "
            0.000 pc > dc  as-req alice password udp
            0.004 dc > pc  krb-error 37 udp
            0.010 pc > dc  as-req alice password udp flow 2
            0.100 pc > dc  tgs-req cifs/dc ticket T1 flow 3
            30             end
        ",
        );
    }
}
