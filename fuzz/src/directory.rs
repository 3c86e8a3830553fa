//! `directory`: an export of a directory.

use decode::{directory::Directory, text::is_harmful};

/// The input is the whole file.
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
}
