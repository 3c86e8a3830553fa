//! KRB-ERROR.

use super::error_data::{Values, error_data};
use super::fields::{self, Faults, Fields};
use super::principal::principal;
use super::{ErrorCode, ErrorData, KrbError, PaValues};
use crate::der::{DerError, DerErrorKind, Element, Tag};

/// Reads KRB-ERROR. `None` when it has no readable error code: what is left of it would say nothing.
///
/// ```text
/// KRB-ERROR ::= [APPLICATION 30] SEQUENCE {
///     pvno       [0]  INTEGER (5),
///     msg-type   [1]  INTEGER (30),
///     ctime      [2]  KerberosTime OPTIONAL,
///     cusec      [3]  Microseconds OPTIONAL,
///     stime      [4]  KerberosTime,
///     susec      [5]  Microseconds,
///     error-code [6]  Int32,
///     crealm     [7]  Realm OPTIONAL,
///     cname      [8]  PrincipalName OPTIONAL,
///     realm      [9]  Realm -- service realm --,
///     sname      [10] PrincipalName -- service name --,
///     e-text     [11] KerberosString OPTIONAL,
///     e-data     [12] OCTET STRING OPTIONAL
/// }
/// ```
///
/// RFC 4120 §5.9.1. Realm and service name are missing in some real errors.
pub(super) fn krb_error(sequence: &Element<'_>, mut faults: Faults) -> Option<KrbError> {
    let mut code = None;
    let mut error = KrbError {
        ctime: None,
        cusec: None,
        stime: None,
        susec: None,
        code: ErrorCode::NONE,
        crealm: None,
        cname: None,
        realm: None,
        sname: None,
        e_text: None,
        e_data: None,
        values: PaValues::default(),
        typed: None,
        fast: None,
        stopped: None,
    };
    let mut walk = Fields::of(sequence, "KRB-ERROR");
    while let Some(field) = walk.next(&mut faults) {
        let value = &field.value;
        match field.number {
            2 => error.ctime = faults.keep("ctime", fields::time(value)),
            3 => error.cusec = faults.keep("cusec", fields::integer(value)),
            4 => error.stime = faults.keep("stime", fields::time(value)),
            5 => error.susec = faults.keep("susec", fields::integer(value)),
            6 => code = faults.keep("error-code", fields::integer32(value)).map(ErrorCode),
            7 => error.crealm = faults.keep("crealm", fields::text(value)),
            8 => error.cname = principal(value, "cname", &mut faults),
            9 => error.realm = faults.keep("realm", fields::text(value)),
            10 => error.sname = principal(value, "sname", &mut faults),
            11 => error.e_text = faults.keep("e-text", fields::text(value)),
            12 if value.tag == Tag::OCTET_STRING => {
                let mut values = Values::default();
                let data = error_data(value.contents, value.reader().offset(), &mut values, &mut faults);
                Values { pa: error.values, typed: error.typed, fast: error.fast } = values;
                let whole = faults.keep("e-data", value.complete()).is_some();
                // Of cut data a list tells something; its length, or that it is empty, would be untrue.
                let says_nothing = match &data {
                    ErrorData::MethodData(list) => list.is_empty(),
                    ErrorData::TypedData(list) => list.is_empty(),
                    ErrorData::Extended { .. } => false,
                    ErrorData::Unknown(_) => true,
                };
                error.e_data = (whole || !says_nothing).then_some(data);
            }
            12 => faults.note("e-data", DerError { offset: value.offset, kind: DerErrorKind::Tag }),
            _ => {}
        }
    }
    error.code = code?;
    error.stopped = faults.into_stopped();
    Some(error)
}
