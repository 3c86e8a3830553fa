//! `directory`: an export of a directory, or what a server answers.

use decode::{
    directory::{Answer, Directory, length_of},
    text::is_harmful,
};

/// The input is the whole file, or a whole message.
pub fn run(bytes: &[u8]) {
    let read = || {
        let mut directory = Directory::default();
        directory.read(bytes).map(|()| directory).map_err(|error| error.to_string())
    };
    let (one, other) = (read(), read());
    assert_eq!(format!("{one:?}"), format!("{other:?}"), "the same file reads in two ways");
    match one {
        Ok(directory) => {
            for object in directory.objects() {
                assert!(!object.dn.to_string().chars().any(is_harmful), "a name could harm a terminal");
                for key in &object.keys {
                    assert!(!key.to_string().chars().any(is_harmful), "a key could harm a terminal");
                }
            }
        }
        Err(why) => assert!(!why.chars().any(is_harmful), "{why:?}"),
    }
    answer(bytes);
}

/// Whatever the number of the request that it answers.
fn answer(bytes: &[u8]) {
    let Ok(Some(length)) = length_of(bytes) else { return };
    let Some(message) = bytes.get(..length) else { return };
    for id in 0..8 {
        match Answer::read(message, id) {
            Ok(Some(Answer::Entry(entry))) => Directory::default().add(&entry, 1).expect("it has a name"),
            Ok(Some(Answer::Done(done))) => assert!(!done.reason().chars().any(is_harmful), "{done:?}"),
            Ok(Some(Answer::Reference) | None) => {}
            Err(why) => assert!(!why.to_string().chars().any(is_harmful), "{why:?}"),
        }
    }
}
