//! CLD-04.

use trace::{
    Facts,
    cloud::{Failure, Instance, Service},
};

use super::{evidence, is_about_a_certificate, words};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    endpoints::{Role, role},
    rule::rule,
    rules::REPLY_MISSING,
    windows::{ENDPOINT_SECONDS, REPEATED},
};

rule! {
    /// ## What happened
    ///
    /// The device shows its certificate at device.login and does not get in, or has none to show. The connection is
    /// inspected, so that the certificate does not reach its destination; the certificate or its key is missing on the
    /// device; or the device has been deleted in Microsoft Entra.
    ///
    /// ## How we know
    ///
    /// In TLS 1.2 the handshake ended with an alert of the server about the client's certificate, or the connection
    /// ended after the client sent one, without any data of the server; or it ended so at least three times. An empty
    /// Certificate of the client is evidence. None of it counts when data came within a minute. TLS 1.3 hides these
    /// steps.
    ///
    /// ## What to do
    ///
    /// 1. Exempt device.login.microsoftonline.com from inspection (see CLD-01).
    /// 2. On the device: `dsregcmd /status`; look at DeviceAuthStatus, TpmProtected and the certificate's thumbprint.
    /// 3. If the device is missing or disabled in Microsoft Entra, register it again: `dsregcmd /leave`, then sign in
    ///    again, or let the task Automatic-Device-Join run.
    ///
    /// ## Sources
    ///
    /// RFC 5246 §7.4.6; Microsoft: how to plan a hybrid join; troubleshooting devices with dsregcmd.
    pub static DEVICE_LOGIN_FAILS = {
        code: "CLD-04",
        title: "the device cannot authenticate itself with its certificate",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["AAD 1104", "User Device Registration 304"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if role(&service.name) != Some(Role::DeviceLogin) {
        return Verdict::Clear;
    }
    let broken: Vec<(Failure, &Instance)> = service
        .instances()
        .filter(|(failure, _)| is_broken(*failure))
        .filter(|(_, instance)| !instance.worked_within(ENDPOINT_SECONDS.of(facts)))
        .collect();
    let shown = broken.iter().filter(|(_, instance)| !instance.hidden);
    let told = |(failure, instance): &&(Failure, &Instance)| {
        matches!(failure, Failure::Alert { .. }) || instance.client_certificate.is_some()
    };
    let repeated = shown.clone().count() >= REPEATED.of(facts);
    let Some(&(failure, instance)) = shown.clone().find(told).or_else(|| shown.clone().next().filter(|_| repeated))
    else {
        let hidden = broken.iter().any(|(_, instance)| instance.hidden);
        return if hidden { Verdict::Unseen(REPLY_MISSING) } else { Verdict::Clear };
    };
    let confidence = Confidence::Likely.lowered_unless(facts.passed(instance.seen.at, ENDPOINT_SECONDS.of(facts)));
    let what = match instance.client_certificate {
        Some((_, true)) => "the device was asked for its certificate and has none",
        Some((_, false)) => "the device showed its certificate and did not get in",
        None => "the handshake does not come to an end",
    };
    let summary = format!("{}: {what} ({})", service.name, words(failure));
    let mut found = Found::new(confidence, Subject::Host(service.name.clone()), summary);
    found.evidence = evidence(service, failure, instance);
    if let Some((seen, empty)) = instance.client_certificate {
        let (value, means) = if empty { ("0", "an empty Certificate") } else { ("11", "the device's Certificate") };
        found = found.with(Evidence::new(seen, "tls.handshake.certificates_length", value, means));
    }
    found.into()
}

fn is_broken(failure: Failure) -> bool {
    match failure {
        Failure::Alert { of_server: true, description } => is_about_a_certificate(description),
        Failure::BrokenOff => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::DEVICE_LOGIN_FAILS;
    use crate::{
        Confidence,
        testing::{clear, found, unseen},
    };

    #[test]
    fn found_when_the_server_refuses_the_certificate() {
        let finding = found(
            &DEVICE_LOGIN_FAILS,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.020 pc > web  certificate ws1.corp.example
            0.030 web > pc  alert 46
            70  end
        ",
        );
        assert_eq!(finding.packets(), [4, 1, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_device_has_none() {
        let finding = found(
            &DEVICE_LOGIN_FAILS,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.020 pc > web  certificate
            0.030 pc > web  connect open closed server-reset bytes 500,3000 port 443
            70  end
        ",
        );
        assert!(finding.found.summary.contains("has none"));
    }

    #[test]
    fn found_when_it_ends_so_three_times() {
        found(
            &DEVICE_LOGIN_FAILS,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.030 pc > web  connect open closed server-reset bytes 500,3000 port 443
            1.000 pc > web  client-hello device.login.microsoftonline.com
            1.010 web > pc  server-hello tls12
            1.030 pc > web  connect open closed server-reset bytes 500,3000 port 443
            2.000 pc > web  client-hello device.login.microsoftonline.com
            2.010 web > pc  server-hello tls12
            2.030 pc > web  connect open closed server-reset bytes 500,3000 port 443
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_it_ends_so_once() {
        clear(
            &DEVICE_LOGIN_FAILS,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.030 pc > web  connect open closed server-reset bytes 500,3000 port 443
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_data_comes() {
        clear(
            &DEVICE_LOGIN_FAILS,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.020 pc > web  certificate ws1.corp.example
            0.030 pc > web  data
            0.040 web > pc  data
            0.050 pc > web  connect open closed client-fin bytes 500,3000 port 443
            70  end
        ",
        );
    }

    #[test]
    fn unseen_when_bytes_are_missing() {
        unseen(
            &DEVICE_LOGIN_FAILS,
            "
            0.000 pc > web  client-hello device.login.microsoftonline.com
            0.010 web > pc  server-hello tls12
            0.020 pc > web  certificate ws1.corp.example
            0.025 web > pc  hole port 443
            0.050 pc > web  connect open closed client-fin bytes 500,3000 port 443
            70  end
        ",
        );
    }
}
