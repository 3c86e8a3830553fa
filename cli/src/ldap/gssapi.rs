//! A bind with the Kerberos ticket of whoever runs this: SASL, mechanism GSSAPI (RFC 4752), by the system's libkrb5.
//!
//! Only over TLS, as all that is asked here: no security layer of SASL comes on top. Tokens appear in no message.

use std::io::{Read, Write};

use anyhow::{anyhow, bail};
use cross_krb5::{ClientCtx, InitiateFlags, K5Ctx as _, Step};
use decode::{WireText, directory::no_security_layer};

use super::connection::Connection;

/// Requests of one bind. Kerberos takes three: the ticket, an empty one for the offer of layers, and the choice.
const MAX_STEPS: usize = 6;
/// Name of the mechanism.
const MECHANISM: &str = "GSSAPI";
/// Characters quoted of what libkrb5 says.
const MAX_REASON: usize = 300;

/// Binds to the service `ldap/host` as whom the ticket names.
pub(super) fn bind(connection: &mut Connection<impl Read + Write>, host: &str) -> anyhow::Result<()> {
    let service = format!("ldap/{host}");
    let (mut pending, token) = ClientCtx::new(InitiateFlags::empty(), None, &service, None).map_err(|error| {
        anyhow!("no Kerberos ticket for {service} (kinit gets one to begin with): {}", told(&error))
    })?;
    let mut token = token.to_vec();
    let mut steps = 0;
    let mut send = |credentials: &[u8]| {
        steps += 1;
        if steps > MAX_STEPS {
            bail!("the bind takes more than {MAX_STEPS} steps");
        }
        connection.bind_step(MECHANISM, credentials)
    };
    let mut context = loop {
        let (is_done, answer) = send(&token)?;
        // Before the choice of a layer nothing can be done, and the server has not shown who it is.
        if is_done {
            bail!(EARLY);
        }
        match pending
            .step(&answer)
            .map_err(|error| anyhow!("the proof of the server is not taken: {}", told(&error)))?
        {
            Step::Continue((next, more)) => {
                pending = next;
                token = more.to_vec();
            }
            Step::Finished((context, last)) => {
                token = last.map(|last| last.to_vec()).unwrap_or_default();
                break context;
            }
        }
    };
    let (is_done, offer) = send(&token)?;
    if is_done {
        bail!(EARLY);
    }
    let offer = context.unwrap(&offer).map_err(|error| anyhow!("the server's offer is not taken: {}", told(&error)))?;
    let choice = no_security_layer(&offer)?;
    let choice = context.wrap(false, &choice).map_err(|error| anyhow!("the bind fails: {}", told(&error)))?;
    match send(&choice)? {
        (true, _) => Ok(()),
        (false, _) => bail!("the server asks for more than the mechanism {MECHANISM} has"),
    }
}

/// A server that takes the bind before the mechanism is through.
const EARLY: &str = "the server ends the bind before it has shown that it knows the ticket";

/// What libkrb5 says, in a line.
fn told(error: &anyhow::Error) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let cut: String = words.join(" ").chars().take(MAX_REASON).collect();
    WireText::from(cut.as_str()).to_string()
}
