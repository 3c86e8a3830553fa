//! Windows and thresholds of the rules, with the reason of each.

/// A client that adjusts (its clock, its parameters) succeeds within this many seconds.
pub(crate) const ADJUSTED_SECONDS: i64 = 10;
/// Kerberos allows five minutes between two clocks (SkewTime, Windows default).
pub(crate) const SKEW_SECONDS: i64 = 300;
/// A domain controller that granted PKINIT this shortly before or after can do PKINIT.
pub(crate) const DC_WORKS_SECONDS: i64 = 600;
/// Entra Connect writes new keys in cycles of 30 minutes.
pub(crate) const SYNC_SECONDS: i64 = 1800;
/// The certificate of a Windows Hello key begins to be valid this long before it was made.
pub(crate) const HELLO_EARLY_SECONDS: i64 = 600;
/// A key that one domain controller accepted should be known to the others within this many seconds.
pub(crate) const KEY_WORKS_SECONDS: i64 = 86_400;
/// Freshness tokens handed out in vain this often are more than the first step of a sign-in.
pub(crate) const UNANSWERED_FRESHNESS: usize = 2;
/// An account that gets in this shortly after was not unknown.
pub(crate) const ACCOUNT_SECONDS: i64 = 600;
/// A password typed this shortly after a refused key is a fall-back.
pub(crate) const FALLBACK_SECONDS: i64 = 120;
/// Wrong passwords within this many seconds are counted together.
pub(crate) const WRONG_PASSWORD_SECONDS: i64 = 600;
/// That many wrong passwords come from a program rather than from a slip of the hand.
pub(crate) const WRONG_PASSWORD_COUNT: usize = 3;
/// A client told to come by TCP does so within this many seconds.
pub(crate) const TCP_RETRY_SECONDS: i64 = 5;
/// A connection attempt that got no answer for this many seconds gets none.
pub(crate) const CONNECT_SECONDS: i64 = 10;
/// SYN segments, retransmissions included, that are more than one lost packet.
pub(crate) const UNANSWERED_SYNS: u32 = 3;
/// Three SYN segments take at least this many seconds; those that a mirror doubles take less.
pub(crate) const UNANSWERED_SECONDS: i64 = 2;
/// A DNS server that has not answered after this many seconds does not.
pub(crate) const DNS_SECONDS: i64 = 5;
/// A question asked this often without an answer is more than one lost packet.
pub(crate) const UNANSWERED_QUESTIONS: usize = 2;
/// A question asked this often has been given up.
pub(crate) const LAST_QUESTIONS: usize = 3;
/// Another DNS server may answer within this many seconds.
pub(crate) const OTHER_DNS_SECONDS: i64 = 10;
/// A client that knows a domain controller turns to it within this many seconds.
pub(crate) const LOCATED_SECONDS: i64 = 30;
/// A client that takes the domain controller's certificate uses its ticket within this many seconds.
pub(crate) const TICKET_USE_SECONDS: i64 = 30;
/// A clock that differs from the capture's by more than this many seconds is off.
pub(crate) const CLOCK_OFF_SECONDS: f64 = 120.0;
/// Clocks of domain controllers within this many seconds of each other agree.
pub(crate) const CLOCKS_AGREE_SECONDS: f64 = 60.0;
/// Certificates are checked by clocks that may differ by this many seconds.
pub(crate) const VALIDITY_SLACK_SECONDS: i64 = 60;
/// RSA keys with fewer bits than this are weak.
pub(crate) const RSA_BITS: u32 = 2048;
/// A client, or a user, that got nowhere with a ticket asks for another within this many seconds.
pub(crate) const TICKET_RETRY_SECONDS: i64 = 60;
/// Requests closer together than this many seconds are one sign-in's: Windows asks for several tickets at once.
pub(crate) const TOGETHER_SECONDS: i64 = 1;
/// A user whose key did not help types the password within this many seconds.
pub(crate) const PASSWORD_AFTER_TICKET_SECONDS: i64 = 300;
/// A thing that happens this often is no accident.
pub(crate) const REPEATED: usize = 3;
/// That many tickets for one user within `TICKET_RETRY_SECONDS` are a loop.
pub(crate) const LOOP_TICKETS: usize = 5;
/// A domain controller that has not answered a netlogon ping after this many seconds does not.
pub(crate) const PING_SECONDS: i64 = 3;
/// A netlogon ping sent this often without an answer is more than one lost packet.
pub(crate) const UNANSWERED_PINGS: u32 = 2;
/// A netlogon ping sent this often has been given up.
pub(crate) const LAST_PINGS: u32 = 4;
/// Netlogon pings within this many seconds are about one attempt to find a domain controller.
pub(crate) const PING_WINDOW_SECONDS: i64 = 60;
/// A domain controller that stays silent for this many seconds is not just restarting its network.
pub(crate) const DEAD_SECONDS: i64 = 300;
/// That many clients that get no answer are not cut off themselves.
pub(crate) const DEAD_CLIENTS: usize = 3;
/// Keys that were refused once may be written a day later.
pub(crate) const WRITTEN_SECONDS: i64 = 86_400;
/// The ticket of a sign-in fails to be used this many times as often as before when something broke.
pub(crate) const WORSE_BY: u64 = 3;
/// A client that turns to NTLM because Kerberos failed does so within this many seconds.
pub(crate) const NTLM_SECONDS: i64 = 60;
/// Armored requests refused without armor this often are more than a slip.
pub(crate) const UNANSWERED_ARMOR: usize = 2;
/// A client's clock that differs from the domain controller's by more than this many seconds will soon be refused.
pub(crate) const DRIFT_SECONDS: i64 = 120;
/// A clock is judged by the middle of at least this many samples.
pub(crate) const CLOCK_SAMPLES: usize = 3;
/// A ticket issued less than this many seconds ago has not expired by itself.
pub(crate) const FRESH_TICKET_SECONDS: i64 = 600;
/// A domain controller that issues a ticket within this many seconds works.
pub(crate) const DC_RECOVERS_SECONDS: i64 = 30;
/// A key that comes from one address, another and the first again within this many seconds is in both places.
pub(crate) const AT_ONCE_SECONDS: i64 = 600;
/// A host that works this many seconds before or after a failure is reachable.
pub(crate) const ENDPOINT_SECONDS: i64 = 60;
/// The same of hosts that agents and Entra Connect use, which try again every few minutes.
pub(crate) const AGENT_SECONDS: i64 = 900;
/// The same of the hosts of device management, which a computer asks now and then.
pub(crate) const MANAGEMENT_SECONDS: i64 = 3600;
/// A server that has not answered a ClientHello after this many seconds does not.
pub(crate) const HANDSHAKE_SECONDS: i64 = 10;
/// A client that closes this many seconds after its ClientHello has given up; sooner, it had no more use for it.
pub(crate) const HANDSHAKE_GAVE_UP_SECONDS: i64 = 3;
/// A CRL that cannot be fetched this many seconds after or before a ticket was granted has to do with it.
pub(crate) const REVOCATION_SECONDS: i64 = 60;
/// A domain controller that refuses a certificate because of revocation has asked for it within this many seconds.
pub(crate) const DC_REVOCATION_SECONDS: i64 = 30;
/// What the directory held this shortly before or after tells what it held at the time: keys come in cycles of this length.
pub(crate) const DIRECTORY_READ_SECONDS: i64 = SYNC_SECONDS;
/// Between a read of the directory and a request this shortly after it, hardly anything is written.
pub(crate) const JUST_READ_SECONDS: i64 = 60;
/// A new key that is refused this long after it was made has missed two synchronisations.
pub(crate) const LATE_SECONDS: i64 = 3600;
/// A key made longer ago than this may well have worked before the capture began.
pub(crate) const NEW_KEY_SECONDS: i64 = 86_400;
/// Keys that stop working within this many seconds of each other may have one cause.
pub(crate) const LOST_SECONDS: i64 = 3600;
/// That many users whose keys stop working have one cause.
pub(crate) const LOST_USERS: usize = 5;
/// A ticket-granting ticket is good for this many seconds: the default of Active Directory.
pub(crate) const TICKET_LIFE_SECONDS: i64 = 36_000;
/// What two domain controllers do within this many seconds of each other can be compared.
pub(crate) const SAME_DAY_SECONDS: i64 = 86_400;
/// A domain controller's certificate that ends within this many days should be renewed.
pub(crate) const EXPIRES_DAYS: i64 = 30;
/// And at once if it ends within this many days.
pub(crate) const EXPIRES_SOON_DAYS: i64 = 7;
/// A certificate that is valid for so many days has been renewed by autoenrolment six weeks before its end.
pub(crate) const LONG_LIFE_DAYS: i64 = 300;
/// So one of these that ends within this many days was not.
pub(crate) const NOT_RENEWED_DAYS: i64 = 40;
/// A client that uses none of its tickets for this many seconds does not accept the domain controller's certificate.
pub(crate) const STRICT_SECONDS: i64 = 3600;
/// A domain controller that takes this many microseconds for a reply is slow.
pub(crate) const SLOW_MICROSECONDS: u64 = 2_000_000;
/// Replies that are faster than this are not felt, however they compare.
pub(crate) const FELT_MICROSECONDS: u64 = 200_000;
/// A domain controller is slow whose slowest replies (95 %) take this many times as long as the others' usual ones.
pub(crate) const SLOWER_BY: u64 = 3;
/// Replies that it takes to compare domain controllers.
pub(crate) const COMPARED_REPLIES: usize = 20;
/// A client that turns to another domain controller does so within this many seconds.
pub(crate) const HOP_SECONDS: i64 = 60;
/// A client that has a ping answered by a close domain controller goes there within this many seconds.
pub(crate) const CLOSER_SECONDS: i64 = 10;
/// Entra Connect that is not heard of for this many seconds, three cycles, has stopped.
pub(crate) const STOPPED_SECONDS: i64 = 5400;
/// A server whose password was set right gets in within this many seconds.
pub(crate) const CONNECTOR_SECONDS: i64 = 600;
