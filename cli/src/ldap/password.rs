//! Where the password comes from: a file, the environment, the terminal. Never the command line, which every user of
//! the machine can read.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, anyhow, bail};
use zeroize::Zeroizing;

/// The variable that holds the password where no file does.
pub(super) const VARIABLE: &str = "HELLOTRACE_LDAP_PASSWORD";
/// Bytes of a password; Active Directory takes 127 characters in its dialogues and 256 over LDAP.
const MAX_PASSWORD: u64 = 4096;

/// The password of this account.
pub(super) fn read(file: Option<&Path>, account: &str) -> anyhow::Result<Zeroizing<String>> {
    let password = if let Some(path) = file {
        from_file(path).with_context(|| format!("cannot read the password from {}", path.display()))?
    } else if let Some(value) = std::env::var_os(VARIABLE) {
        Zeroizing::new(value.into_string().map_err(|_| anyhow!("{VARIABLE} is no text"))?)
    } else {
        let prompt = format!("Password of {}: ", decode::WireText::from(account));
        let typed = rpassword::prompt_password(prompt);
        Zeroizing::new(typed.with_context(|| {
            format!("no password: there is no terminal to ask on; use --ldap-password-file or {VARIABLE}")
        })?)
    };
    // It would make a bind without a name, which succeeds whoever asks. RFC 4513 §5.1.2.
    if password.is_empty() {
        bail!("the password is empty");
    }
    Ok(password)
}

/// The first line of a file.
fn from_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MAX_PASSWORD + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_PASSWORD {
        bail!("larger than a password");
    }
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}
