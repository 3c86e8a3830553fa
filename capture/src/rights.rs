//! Being root no longer. For programs that were started by root and are to read what strangers wrote.

use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};

/// Whether this process is root.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Turns root into the user `name`, else into who called sudo, else into nobody; with the user's main group and no
/// other. Does nothing for who is not root, unless a name was asked for.
///
/// Called before there are other threads.
///
/// # Errors
/// A sentence: there is no such user, or the system refuses.
pub fn become_ordinary_user(name: Option<&str>) -> Result<(), String> {
    if !is_root() {
        return name.map_or(Ok(()), |name| Err(format!("cannot become {name}: only root can change users")));
    }
    let (name, uid, gid) = ordinary_user(name)?;
    let error = |error| format!("cannot become {name}: {error}");
    setgroups(&[gid]).map_err(error)?;
    setgid(gid).map_err(error)?;
    setuid(uid).map_err(error)
}

fn ordinary_user(name: Option<&str>) -> Result<(String, Uid, Gid), String> {
    let found = |user: User| (user.name, user.uid, user.gid);
    if let Some(name) = name {
        let known = User::from_name(name).ok().flatten();
        return known.map(found).ok_or_else(|| format!("there is no user {name}"));
    }
    let caller = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok()).map(Uid::from_raw);
    if let Some(user) = caller.filter(|uid| !uid.is_root()).and_then(|uid| User::from_uid(uid).ok().flatten()) {
        return Ok(found(user));
    }
    let nobody = User::from_name("nobody").ok().flatten().map(found);
    Ok(nobody.unwrap_or_else(|| ("nobody".to_owned(), Uid::from_raw(NOBODY), Gid::from_raw(NOBODY))))
}

/// The user that has no files, by convention.
const NOBODY: u32 = 65_534;
