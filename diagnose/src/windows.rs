//! Windows and thresholds of the rules and of comparisons, with the reason of each, and what they are where nobody sets
//! them.

use crate::thresholds::thresholds;

/// The certificate of a Windows Hello key begins to be valid this long before it was made: so Windows makes it.
pub(crate) const HELLO_EARLY_SECONDS: i64 = 600;
/// Bits of the RSA keys that Windows Hello makes.
pub(crate) const HELLO_RSA_BITS: u32 = 2048;

/// Of each pair the first must not be more than the second.
pub(crate) const UP_TO: [(&str, &str); 5] = [
    ("UNANSWERED_QUESTIONS", "LAST_QUESTIONS"),
    ("UNANSWERED_PINGS", "LAST_PINGS"),
    ("LATE_SECONDS", "NEW_KEY_SECONDS"),
    ("EXPIRES_SOON_DAYS", "EXPIRES_DAYS"),
    ("FELT_MICROSECONDS", "SLOW_MICROSECONDS"),
];

thresholds! {
    /// A client that adjusts (its clock, its parameters) succeeds within this many seconds.
    ADJUSTED_SECONDS: i64 = 10, 1..=3_600, [
        "ACC-08", "ACC-10", "ACC-11", "DCC-15", "KEY-13", "POL-01", "POL-03", "POL-04", "POL-05", "POL-06", "POL-07",
        "POL-09", "TIM-01", "TIM-04", "TIM-05", "TKT-02", "TKT-03", "TKT-04", "TKT-05", "TKT-08", "TKT-10",
    ];
    /// Kerberos allows five minutes between two clocks (SkewTime, Windows default).
    SKEW_SECONDS: i64 = 300, 1..=86_400, ["KEY-18", "KEY-19", "KEY-20", "PKI-08", "POL-05", "POL-11", "TIM-01"];
    /// A domain controller that granted PKINIT this shortly before or after can do PKINIT.
    DC_WORKS_SECONDS: i64 = 600, 1..=86_400, ["DCC-01", "POL-11"];
    /// Entra Connect writes new keys in cycles of 30 minutes.
    SYNC_SECONDS: i64 = 1800, 1..=2_592_000, [
        "KEY-01", "KEY-02", "KEY-03", "KEY-04", "KEY-12", "KEY-17", "SYN-02", "SYN-04", "SYN-05",
    ];
    /// A key that one domain controller accepted should be known to the others within this many seconds.
    KEY_WORKS_SECONDS: i64 = 86_400, 1..=2_592_000, ["KEY-05"];
    /// Freshness tokens handed out in vain this often are more than the first step of a sign-in.
    UNANSWERED_FRESHNESS: usize = 2, 1..=1_000, ["POL-02"];
    /// An account that gets in this shortly after was not unknown.
    ACCOUNT_SECONDS: i64 = 600, 1..=86_400, ["ACC-01"];
    /// A password typed this shortly after a refused key is a fall-back.
    FALLBACK_SECONDS: i64 = 120, 1..=86_400, ["POL-08"];
    /// Wrong passwords within this many seconds are counted together.
    WRONG_PASSWORD_SECONDS: i64 = 600, 1..=86_400, ["ACC-12"];
    /// That many wrong passwords come from a program rather than from a slip of the hand.
    WRONG_PASSWORD_COUNT: usize = 3, 2..=1_000, ["ACC-12"];
    /// A client told to come by TCP does so within this many seconds.
    TCP_RETRY_SECONDS: i64 = 5, 1..=3_600, ["NET-04"];
    /// A connection attempt that got no answer for this many seconds gets none.
    CONNECT_SECONDS: i64 = 10, 1..=3_600, [
        "CLD-02", "CLD-03", "CLD-05", "CLD-08", "CLD-09", "CLD-10", "NET-01", "NET-08", "PKI-01", "SYN-06",
    ];
    /// SYN segments, retransmissions included, that are more than one lost packet.
    UNANSWERED_SYNS: u32 = 3, 1..=1_000, [
        "CLD-02", "CLD-03", "CLD-05", "CLD-08", "CLD-09", "CLD-10", "NET-01", "NET-06", "NET-08", "PKI-01", "SYN-06",
    ];
    /// Three SYN segments take at least this many seconds; those that a mirror doubles take less.
    UNANSWERED_SECONDS: i64 = 2, 1..=3_600, [
        "CLD-02", "CLD-03", "CLD-05", "CLD-08", "CLD-09", "CLD-10", "NET-01", "NET-06", "NET-08", "PKI-01", "SYN-06",
    ];
    /// A DNS server that has not answered after this many seconds does not.
    DNS_SECONDS: i64 = 5, 1..=3_600, ["LOC-02", "LOC-03", "LOC-04"];
    /// A question asked this often without an answer is more than one lost packet.
    UNANSWERED_QUESTIONS: usize = 2, 1..=1_000, ["LOC-02"];
    /// A question asked this often has been given up.
    LAST_QUESTIONS: usize = 3, 1..=1_000, ["LOC-02"];
    /// Another DNS server may answer within this many seconds.
    OTHER_DNS_SECONDS: i64 = 10, 1..=3_600, ["LOC-01", "LOC-02", "LOC-03"];
    /// A client that knows a domain controller turns to it within this many seconds.
    LOCATED_SECONDS: i64 = 30, 1..=3_600, ["LOC-01", "LOC-02", "LOC-03", "LOC-05", "LOC-07", "LOC-08"];
    /// A client that takes the domain controller's certificate uses its ticket within this many seconds.
    TICKET_USE_SECONDS: i64 = 30, 1..=3_600, [
        "DCC-03", "DCC-05", "DCC-11", "DCC-12", "DCC-13", "PKI-02", "TKT-07", "TKT-09",
    ];
    /// A clock that differs from the capture's by more than this many seconds is off.
    CLOCK_OFF_SECONDS: f64 = 120, 1..=86_400, ["TIM-01", "TIM-02"];
    /// Clocks of domain controllers within this many seconds of each other agree.
    CLOCKS_AGREE_SECONDS: f64 = 60, 1..=3_600, ["TIM-01", "TIM-03"];
    /// Certificates are checked by clocks that may differ by this many seconds.
    VALIDITY_SLACK_SECONDS: i64 = 60, 0..=3_600, ["CLD-12", "DCC-05", "PKI-03"];
    /// RSA keys with fewer bits than this are weak.
    RSA_BITS: u32 = 2048, 1024..=16_384, ["DCC-09", "DCC-11", "DCC-12", "PKI-02"];
    /// A client, or a user, that got nowhere with a ticket asks for another within this many seconds.
    TICKET_RETRY_SECONDS: i64 = 60, 1..=3_600, ["DCC-11", "DCC-12", "PKI-02", "TKT-09"];
    /// Requests closer together than this many seconds are one sign-in's: Windows asks for several tickets at once.
    TOGETHER_SECONDS: i64 = 1, 1..=3_600, ["DCC-11", "DCC-12", "PKI-02"];
    /// A user whose key did not help types the password within this many seconds.
    PASSWORD_AFTER_TICKET_SECONDS: i64 = 300, 1..=86_400, ["DCC-11", "DCC-12", "PKI-02"];
    /// A thing that happens this often is no accident.
    REPEATED: usize = 3, 2..=1_000, [
        "CLD-04", "DCC-11", "DCC-12", "DCC-13", "KEY-06", "KEY-07", "KEY-10", "PKI-02", "SYN-07",
    ];
    /// That many tickets for one user within `ticket-retry-seconds` are a loop.
    LOOP_TICKETS: usize = 5, 2..=1_000, ["TKT-09"];
    /// A domain controller that has not answered a netlogon ping after this many seconds does not.
    PING_SECONDS: i64 = 3, 1..=3_600, ["LOC-05", "LOC-09"];
    /// A netlogon ping sent this often without an answer is more than one lost packet.
    UNANSWERED_PINGS: u32 = 2, 1..=1_000, ["LOC-05"];
    /// A netlogon ping sent this often has been given up.
    LAST_PINGS: u32 = 4, 1..=1_000, ["LOC-05"];
    /// Netlogon pings within this many seconds are about one attempt to find a domain controller.
    PING_WINDOW_SECONDS: i64 = 60, 1..=3_600, ["LOC-05", "LOC-06"];
    /// A domain controller that stays silent for this many seconds is not just restarting its network.
    DEAD_SECONDS: i64 = 300, 1..=86_400, ["LOC-09"];
    /// That many clients that get no answer are not cut off themselves.
    DEAD_CLIENTS: usize = 3, 2..=1_000, ["LOC-09"];
    /// Keys that were refused once may be written a day later.
    WRITTEN_SECONDS: i64 = 86_400, 1..=2_592_000, ["SYN-04"];
    /// The ticket of a sign-in fails to be used this many times as often as before when something broke.
    WORSE_BY: u64 = 3, 2..=1_000, ["DCC-13"];
    /// A client that turns to NTLM because Kerberos failed does so within this many seconds.
    NTLM_SECONDS: i64 = 60, 1..=3_600, ["TKT-06"];
    /// Armored requests refused without armor this often are more than a slip.
    UNANSWERED_ARMOR: usize = 2, 1..=1_000, ["POL-07"];
    /// A client's clock that differs from the domain controller's by more than this many seconds will soon be refused.
    DRIFT_SECONDS: i64 = 120, 1..=86_400, ["TIM-02"];
    /// A clock is judged by the middle of at least this many samples.
    CLOCK_SAMPLES: usize = 3, 1..=1_000, ["TIM-03"];
    /// A ticket issued less than this many seconds ago has not expired by itself.
    FRESH_TICKET_SECONDS: i64 = 600, 1..=86_400, ["TIM-04"];
    /// A domain controller that issues a ticket within this many seconds works.
    DC_RECOVERS_SECONDS: i64 = 30, 1..=3_600, ["TKT-08"];
    /// A key that comes from one address, another and the first again within this many seconds is in both places.
    AT_ONCE_SECONDS: i64 = 600, 1..=86_400, ["KEY-11"];
    /// A host that works this many seconds before or after a failure is reachable.
    ENDPOINT_SECONDS: i64 = 60, 1..=3_600, [
        "CLD-02", "CLD-03", "CLD-04", "CLD-05", "CLD-06", "CLD-09", "CLD-11", "NET-07", "NET-08",
    ];
    /// The same of hosts that agents and Entra Connect use, which try again every few minutes.
    AGENT_SECONDS: i64 = 900, 1..=86_400, ["CLD-08", "SYN-06"];
    /// The same of the hosts of device management, which a computer asks now and then.
    MANAGEMENT_SECONDS: i64 = 3600, 1..=2_592_000, ["CLD-10"];
    /// A server that has not answered a ClientHello after this many seconds does not.
    HANDSHAKE_SECONDS: i64 = 10, 1..=3_600, [
        "CLD-05", "CLD-08", "CLD-09", "CLD-10", "CLD-11", "NET-08", "PKI-01", "SYN-06",
    ];
    /// A client that closes this many seconds after its ClientHello has given up; sooner, it had no more use for it.
    HANDSHAKE_GAVE_UP_SECONDS: i64 = 3, 1..=3_600, [
        "CLD-05", "CLD-08", "CLD-09", "CLD-10", "CLD-11", "NET-08", "PKI-01", "SYN-06",
    ];
    /// A CRL that cannot be fetched this many seconds after or before a ticket was granted has to do with it.
    REVOCATION_SECONDS: i64 = 60, 1..=3_600, ["PKI-01", "PKI-04", "PKI-05"];
    /// A domain controller that refuses a certificate because of revocation has asked for it within this many seconds.
    DC_REVOCATION_SECONDS: i64 = 30, 1..=3_600, ["PKI-05"];
    /// What the directory held this shortly before or after tells what it held at the time: keys come in cycles of this
    /// length.
    DIRECTORY_READ_SECONDS: i64 = 1800, 1..=2_592_000, ["KEY-03"];
    /// Between a read of the directory and a request this shortly after it, hardly anything is written.
    JUST_READ_SECONDS: i64 = 60, 1..=3_600, ["KEY-03"];
    /// A new key that is refused this long after it was made has missed two synchronisations.
    LATE_SECONDS: i64 = 3600, 1..=2_592_000, ["SYN-01", "SYN-04"];
    /// A key made longer ago than this may well have worked before the capture began.
    NEW_KEY_SECONDS: i64 = 86_400, 1..=2_592_000, ["SYN-01", "SYN-04"];
    /// Keys that stop working within this many seconds of each other may have one cause.
    LOST_SECONDS: i64 = 3600, 1..=2_592_000, ["SYN-07"];
    /// That many users whose keys stop working have one cause.
    LOST_USERS: usize = 5, 2..=1_000, ["SYN-07"];
    /// A ticket-granting ticket is good for this many seconds: the default of Active Directory.
    TICKET_LIFE_SECONDS: i64 = 36_000, 1..=2_592_000, ["TKT-06"];
    /// What two domain controllers do within this many seconds of each other can be compared.
    SAME_DAY_SECONDS: i64 = 86_400, 1..=2_592_000, ["DCC-02"];
    /// A domain controller's certificate that ends within this many days should be renewed.
    EXPIRES_DAYS: i64 = 30, 1..=3_650, ["DCC-04"];
    /// And at once if it ends within this many days.
    EXPIRES_SOON_DAYS: i64 = 7, 1..=3_650, ["DCC-04"];
    /// A certificate that is valid for so many days has been renewed by autoenrolment six weeks before its end.
    LONG_LIFE_DAYS: i64 = 300, 1..=3_650, ["DCC-04"];
    /// So one of these that ends within this many days was not.
    NOT_RENEWED_DAYS: i64 = 40, 1..=3_650, ["DCC-04"];
    /// A client that uses none of its tickets for this many seconds does not accept the domain controller's
    /// certificate.
    STRICT_SECONDS: i64 = 3600, 1..=2_592_000, ["DCC-12"];
    /// A domain controller that takes this many microseconds for a reply is slow.
    SLOW_MICROSECONDS: u64 = 2_000_000, 1_000..=600_000_000, ["NET-09"];
    /// Replies that are faster than this are not felt, however they compare.
    FELT_MICROSECONDS: u64 = 200_000, 1_000..=600_000_000, ["NET-09"];
    /// A domain controller is slow whose slowest replies (95 %) take this many times as long as the others' usual ones.
    SLOWER_BY: u64 = 3, 2..=1_000, ["NET-09"];
    /// Replies that it takes to compare domain controllers.
    COMPARED_REPLIES: usize = 20, 1..=1_000, ["NET-09"];
    /// A client that turns to another domain controller does so within this many seconds.
    HOP_SECONDS: i64 = 60, 1..=3_600, ["NET-10"];
    /// A client that has a ping answered by a close domain controller goes there within this many seconds.
    CLOSER_SECONDS: i64 = 10, 1..=3_600, ["LOC-08"];
    /// Entra Connect that is not heard of for this many seconds, three cycles, has stopped.
    STOPPED_SECONDS: i64 = 5400, 1..=2_592_000, ["SYN-05"];
    /// A server whose password was set right gets in within this many seconds.
    CONNECTOR_SECONDS: i64 = 600, 1..=86_400, ["SYN-03"];
    /// In a comparison, what works succeeds at least this many times as often as it fails: our choice.
    WORKING_TIMES: u64 = 9, 1..=1_000, [];
    /// In a comparison, this many others have to get in where one user does not: of two nobody knows which is the
    /// exception.
    OTHER_USERS: usize = 2, 1..=1_000, [];
}
