//! The rules by family. What each file is about is its name; the catalogue lists them.

pub(crate) mod dc_certificate;
