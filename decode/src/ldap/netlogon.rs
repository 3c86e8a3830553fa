//! What a domain controller says about itself in answer to a netlogon ping. MS-ADTS 6.3.1.8, 6.3.1.9.
//!
//! Numbers are little-endian. Names are in the form of DNS, with its compression (RFC 1035 §4.1.4), whose pointers
//! count from the beginning of the value.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::WireText;

/// An answer to a netlogon ping, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Netlogon {
    /// 19 or 23: an answer; 20 or 24: paused; 21 or 25: the user is unknown. The second of each has all fields.
    #[serde(flatten, serialize_with = "operation")]
    pub opcode: u16,
    /// What the controller is: 0x1 PDC, 0x4 global catalogue, 0x20 KDC, 0x80 closest site, 0x100 writable, …
    #[serde(skip_serializing_if = "Option::is_none", flatten, serialize_with = "named")]
    pub flags: Option<u32>,
    /// Of the domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_guid: Option<Guid>,
    /// DNS name of the forest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forest: Option<WireText>,
    /// DNS name of the domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<WireText>,
    /// DNS name of the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<WireText>,
    /// NetBIOS name of the domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netbios_domain: Option<WireText>,
    /// NetBIOS name of the controller, in the older forms after `\\`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netbios_host: Option<WireText>,
    /// The user asked about; often empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<WireText>,
    /// Site of the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_site: Option<WireText>,
    /// Site of the client, as the controller sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_site: Option<WireText>,
    /// The site to turn to when there is no controller in the client's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_closest_site: Option<WireText>,
    /// Which fields the answer has: 0x1, 0x2, 0x4 its form, 0x8 an address, 0x10 the next closest site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nt_version: Option<u32>,
    /// Always 0xffff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lmnt_token: Option<u16>,
    /// Always 0xffff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lm20_token: Option<u16>,
}

/// A GUID, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

/// `1f789774-3b05-42d7-8bb2-8cf3d97a7f6a`: the first three groups are little-endian.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, rest @ ..] = self.0;
        let a = u32::from_le_bytes([a0, a1, a2, a3]);
        let (b, c) = (u16::from_le_bytes([b0, b1]), u16::from_le_bytes([c0, c1]));
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d0:02x}{d1:02x}-")?;
        rest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Netlogon {
    /// Reads the value of the attribute `netlogon`. `None`: it is too short to have an operation code.
    ///
    /// What cannot be read is absent, and so is what comes behind it.
    pub fn read(value: &[u8]) -> Option<Self> {
        let mut reader = Reader { value, at: 0 };
        let mut answer = Self { opcode: reader.u16()?, ..Self::default() };
        // The versions and the tokens stand at the end, behind fields that are there or not.
        if let Some((_, &[v0, v1, v2, v3, t0, t1, m0, m1])) = value.split_last_chunk::<8>() {
            answer.nt_version = Some(u32::from_le_bytes([v0, v1, v2, v3]));
            answer.lmnt_token = Some(u16::from_le_bytes([t0, t1]));
            answer.lm20_token = Some(u16::from_le_bytes([m0, m1]));
        }
        let _ = match answer.opcode {
            19..=21 => answer.older(&mut reader),
            23..=25 => answer.extended(&mut reader),
            _ => None,
        };
        Some(answer)
    }

    /// NETLOGON_SAM_LOGON_RESPONSE_EX, MS-ADTS 6.3.1.9.
    fn extended(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        reader.u16()?;
        self.flags = Some(reader.u32()?);
        self.domain_guid = Some(reader.guid()?);
        for field in [
            &mut self.forest,
            &mut self.domain,
            &mut self.host,
            &mut self.netbios_domain,
            &mut self.netbios_host,
            &mut self.user,
            &mut self.server_site,
            &mut self.client_site,
        ] {
            *field = Some(reader.name()?);
        }
        let version = self.nt_version?;
        if version & WITH_ADDRESS != 0 {
            let length = reader.take(1)?.first().copied()?;
            reader.take(usize::from(length))?;
        }
        if version & WITH_CLOSEST_SITE != 0 {
            self.next_closest_site = Some(reader.name()?);
        }
        Some(())
    }

    /// NETLOGON_SAM_LOGON_RESPONSE and its form for Windows NT 4.0, MS-ADTS 6.3.1.7, 6.3.1.8.
    fn older(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.netbios_host = Some(reader.unicode()?);
        self.user = Some(reader.unicode()?);
        self.netbios_domain = Some(reader.unicode()?);
        if self.nt_version? & VERSION_5 == 0 {
            return Some(());
        }
        self.domain_guid = Some(reader.guid()?);
        reader.guid()?;
        self.forest = Some(reader.name()?);
        self.domain = Some(reader.name()?);
        self.host = Some(reader.name()?);
        reader.u32()?;
        self.flags = Some(reader.u32()?);
        Some(())
    }
}

struct Reader<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(size)?;
        let taken = self.value.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn guid(&mut self) -> Option<Guid> {
        self.take(16)?.try_into().ok().map(Guid)
    }

    /// A name in the form of DNS, its labels joined with `.`. User names are a single label that may have dots.
    fn name(&mut self) -> Option<WireText> {
        let mut text = Vec::new();
        let mut after = None;
        let mut at = self.at;
        // A pointer must go back behind where its part began, so no byte is read twice.
        let mut bound = at;
        loop {
            let (&length, rest) = self.value.get(at..)?.split_first()?;
            match length {
                0 => break,
                1..=0x3f => {
                    let label = rest.get(..usize::from(length))?;
                    if !text.is_empty() {
                        text.push(b'.');
                    }
                    text.extend_from_slice(label);
                    if text.len() > MAX_NAME {
                        return None;
                    }
                    at = at.checked_add(label.len())?.checked_add(1)?;
                }
                0xc0.. => {
                    let &low = rest.first()?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if target >= bound {
                        return None;
                    }
                    after.get_or_insert(at.checked_add(2)?);
                    (at, bound) = (target, target);
                }
                _ => return None,
            }
        }
        self.at = after.or(at.checked_add(1))?;
        Some(WireText::new(&text))
    }

    /// UTF-16 up to a zero.
    fn unicode(&mut self) -> Option<WireText> {
        let mut units = Vec::new();
        loop {
            match self.u16()? {
                0 => return Some(WireText::from(String::from_utf16_lossy(&units).as_str())),
                _ if units.len() >= MAX_NAME => return None,
                unit => units.push(unit),
            }
        }
    }
}

/// Longest name: that of DNS, RFC 1035 §2.3.4.
const MAX_NAME: usize = 255;

/// NETLOGON_NT_VERSION_5: DNS names and flags follow.
const VERSION_5: u32 = 0x2;
/// NETLOGON_NT_VERSION_5EX_WITH_IP.
const WITH_ADDRESS: u32 = 0x8;
/// NETLOGON_NT_VERSION_WITH_CLOSEST_SITE.
const WITH_CLOSEST_SITE: u32 = 0x10;

/// Names of a controller's flags, lowest first. MS-ADTS 6.3.1.2.
const FLAGS: [(u32, &str); 21] = [
    (0x1, "DS_PDC_FLAG"),
    (0x4, "DS_GC_FLAG"),
    (0x8, "DS_LDAP_FLAG"),
    (0x10, "DS_DS_FLAG"),
    (0x20, "DS_KDC_FLAG"),
    (0x40, "DS_TIMESERV_FLAG"),
    (0x80, "DS_CLOSEST_FLAG"),
    (0x100, "DS_WRITABLE_FLAG"),
    (0x200, "DS_GOOD_TIMESERV_FLAG"),
    (0x400, "DS_NDNC_FLAG"),
    (0x800, "DS_SELECT_SECRET_DOMAIN_6_FLAG"),
    (0x1000, "DS_FULL_SECRET_DOMAIN_6_FLAG"),
    (0x2000, "DS_WS_FLAG"),
    (0x4000, "DS_DS_8_FLAG"),
    (0x8000, "DS_DS_9_FLAG"),
    (0x1_0000, "DS_DS_10_FLAG"),
    (0x2_0000, "DS_KEY_LIST_FLAG"),
    (0x4_0000, "DS_DS_13_FLAG"),
    (0x2000_0000, "DS_DNS_CONTROLLER_FLAG"),
    (0x4000_0000, "DS_DNS_DOMAIN_FLAG"),
    (0x8000_0000, "DS_DNS_FOREST_FLAG"),
];

/// Machine output: the operation code as a number, and by its name (MS-ADTS 6.3.1.3).
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn operation<S: Serializer>(opcode: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    let name = match opcode {
        19 => "LOGON_SAM_LOGON_RESPONSE",
        20 => "LOGON_SAM_PAUSE_RESPONSE",
        21 => "LOGON_SAM_USER_UNKNOWN",
        23 => "LOGON_SAM_LOGON_RESPONSE_EX",
        24 => "LOGON_SAM_PAUSE_RESPONSE_EX",
        25 => "LOGON_SAM_USER_UNKNOWN_EX",
        _ => "",
    };
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("opcode", opcode)?;
    if !name.is_empty() {
        map.serialize_entry("opcode_name", name)?;
    }
    map.end()
}

/// Machine output: the flags as a number and by their names. Those without a name are in the number only.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn named<S: Serializer>(flags: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    if let Some(flags) = flags {
        let names: Vec<&str> = FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
        map.serialize_entry("flags", flags)?;
        map.serialize_entry("flag_names", &names)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::Netlogon;

    fn shown(text: Option<&crate::WireText>) -> String {
        text.map(ToString::to_string).unwrap_or_default()
    }

    fn extended(names: &[u8]) -> Vec<u8> {
        let mut value = vec![23, 0, 0, 0, 0xfd, 0xf3, 3, 0];
        value.extend(0..16);
        value.extend(names);
        value.extend([5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        value
    }

    #[test]
    fn names_follow_pointers_backwards_only() {
        // forest at 24, domain → 24, host "dc" + pointer, NetBIOS names, a user with a dot, sites.
        let names = b"\x04corp\x07example\0\xc0\x18\x02dc\xc0\x18\x04CORP\0\x02DC\0\x03a.b\0\x01S\0\xc0\x3c";
        let answer = Netlogon::read(&extended(names)).unwrap();
        assert_eq!((answer.opcode, answer.flags, answer.nt_version), (23, Some(0x3_f3fd), Some(5)));
        let told = serde_json::to_value(&answer).unwrap();
        let flags = told["flag_names"].as_array().unwrap();
        assert_eq!((&told["flags"], flags.len()), (&0x3_f3fd.into(), 15));
        assert!(flags.contains(&"DS_KDC_FLAG".into()) && !flags.contains(&"DS_NDNC_FLAG".into()));
        assert_eq!(answer.domain_guid.unwrap().to_string(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
        assert_eq!(shown(answer.domain.as_ref()), "corp.example");
        assert_eq!(shown(answer.host.as_ref()), "dc.corp.example");
        assert_eq!(shown(answer.user.as_ref()), "a.b");
        assert_eq!(shown(answer.client_site.as_ref()), "S");
        let looped = Netlogon::read(&extended(b"\xc0\x18")).unwrap();
        assert_eq!((looped.forest, looped.nt_version), (None, Some(5)));
    }

    #[test]
    fn the_older_form_is_read_as_far_as_it_goes() {
        let mut value = vec![19, 0];
        value.extend("\\\\DC1\0mia\0CORP\0".encode_utf16().flat_map(u16::to_le_bytes));
        value.extend([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        let answer = Netlogon::read(&value).unwrap();
        assert_eq!(shown(answer.netbios_host.as_ref()), "\\\\DC1");
        assert_eq!(shown(answer.user.as_ref()), "mia");
        assert_eq!(shown(answer.netbios_domain.as_ref()), "CORP");
        assert_eq!((answer.flags, answer.nt_version), (None, Some(1)));
        assert!(Netlogon::read(&[23]).is_none());
    }

    #[test]
    fn the_form_of_windows_2000_has_names_of_dns_and_flags() {
        let mut value = vec![21, 0];
        value.extend("\\\\DC1\0mia\0CORP\0".encode_utf16().flat_map(u16::to_le_bytes));
        value.extend(0..16);
        value.extend([0; 16]);
        let forest = u8::try_from(value.len()).unwrap();
        value.extend(b"\x04corp\x07example\0");
        // The domain is the forest; its controller's name ends in it. Then an address and flags.
        value.extend([&[0xc0, forest][..], b"\x03dc1", &[0xc0, forest], &[10, 0, 0, 1], &[0xfd, 0x03, 0, 0]].concat());
        value.extend([3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        let answer = Netlogon::read(&value).unwrap();
        assert_eq!(shown(answer.domain.as_ref()), "corp.example");
        assert_eq!(shown(answer.host.as_ref()), "dc1.corp.example");
        assert_eq!((answer.flags, answer.nt_version), (Some(0x3fd), Some(3)));
        let told = serde_json::to_value(&answer).unwrap();
        assert_eq!((&told["opcode"], &told["opcode_name"]), (&21.into(), &"LOGON_SAM_USER_UNKNOWN".into()));
        for end in 2..value.len() - 8 {
            assert_eq!(Netlogon::read(&value[..end]).unwrap().flags, None, "{end}");
        }
    }

    #[test]
    fn behind_the_sites_stand_an_address_and_the_closest_site_where_asked_for() {
        let names = b"\x04corp\0\xc0\x18\x02dc\xc0\x18\x04CORP\0\x02DC\0\0\x01S\0\x01T\0";
        let address = [16, 2, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let closest = b"\x04Main\0";
        for (version, rest) in [
            (0x05_u8, Vec::new()),
            (0x0d, address.to_vec()),
            (0x15, closest.to_vec()),
            (0x1d, [&address[..], closest].concat()),
        ] {
            let mut value = extended(&[&names[..], &rest].concat());
            let at = value.len() - 8;
            value[at] = version;
            value[0] = 24;
            let answer = Netlogon::read(&value).unwrap();
            assert_eq!(
                (shown(answer.server_site.as_ref()), shown(answer.client_site.as_ref())),
                ("S".into(), "T".into())
            );
            let next = if version & 0x10 == 0 { "" } else { "Main" };
            assert_eq!(shown(answer.next_closest_site.as_ref()), next, "{version:#x}");
            let told = serde_json::to_value(&answer).unwrap();
            assert_eq!(told["opcode_name"], "LOGON_SAM_PAUSE_RESPONSE_EX");
        }
        let unknown = serde_json::to_value(Netlogon::read(&[7, 0]).unwrap()).unwrap();
        assert_eq!(unknown, serde_json::json!({ "opcode": 7 }));
    }
}
