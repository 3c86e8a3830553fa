//! The language of filters: `user:alice dc:dc2 outcome:failed !code:TKT-* since:10:15 word`.
//!
//! All terms have to hold. A word is looked for in everything, `field:value` in one field, both whatever the case;
//! `*` stands for anything, `=` before a value asks for exactly that, `!` before a term for what it does not fit, and
//! quotation marks keep blanks. Text in, a [`Filter`] or the [`Fault`] in it out.

mod pattern;
mod time;

pub(crate) use pattern::Pattern;
pub(crate) use time::Clock;

/// What a value is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    User,
    Client,
    Dc,
    Method,
    Outcome,
    Code,
    Severity,
    Key,
    Site,
    Host,
    Note,
    Marked,
}

impl Field {
    /// All, with their names.
    pub(crate) const ALL: [(&'static str, Self); 12] = [
        ("user", Self::User),
        ("client", Self::Client),
        ("dc", Self::Dc),
        ("method", Self::Method),
        ("outcome", Self::Outcome),
        ("code", Self::Code),
        ("severity", Self::Severity),
        ("key", Self::Key),
        ("site", Self::Site),
        ("host", Self::Host),
        ("note", Self::Note),
        ("marked", Self::Marked),
    ];

    /// What it is called in a filter.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

/// Something that can be filtered.
pub(crate) trait Filterable {
    /// Whether `is` holds for a value of this field.
    fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool;
    /// Whether `is` holds for anything that can be read about it. `codes` are the findings that fit by code or title.
    fn text(&self, is: &mut dyn FnMut(&str) -> bool, codes: &[&'static str]) -> bool;
    /// When it began, in the form of the report.
    fn began(&self) -> Option<&str>;
    /// Nanoseconds it took.
    fn took(&self) -> Option<i64>;
}

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    terms: Vec<Term>,
}

/// One of the terms that have to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Whether it has to fail.
    pub(crate) unwanted: bool,
    pub(crate) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// The pattern, and the codes of the findings that fit it.
    Anywhere(Pattern, Vec<&'static str>),
    In(Field, Pattern),
    /// At or after this time, in the form of the report or the beginning of it.
    Since(String),
    Until(String),
    Longer(i64),
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl Filter {
    /// Reads a filter; times of day are taken as the clock says.
    pub(crate) fn parse(text: &str, clock: &Clock) -> Result<Self, Fault> {
        let terms = words(text)?.iter().filter_map(|word| read(word, clock).transpose()).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    pub(crate) fn shows(&self, it: &dyn Filterable) -> bool {
        self.terms.iter().all(|term| {
            let fits = match &term.test {
                Test::Anywhere(pattern, codes) => it.text(&mut |value| pattern.fits(value), codes),
                Test::In(field, pattern) => it.any(*field, &mut |value| pattern.fits(value)),
                Test::Since(time) => it.began().is_some_and(|began| began >= time.as_str()),
                Test::Until(time) => it.began().is_some_and(|began| began < time.as_str()),
                Test::Longer(nanoseconds) => it.took().is_some_and(|took| took > *nanoseconds),
            };
            fits != term.unwanted
        })
    }
}

/// A term that asks for exactly this value, or for everything else.
pub(crate) fn exactly(field: Field, value: &str, unwanted: bool) -> String {
    let not = if unwanted { "!" } else { "" };
    let value: String = value.chars().filter(|character| *character != '"').collect();
    if value.is_empty() || value.contains(char::is_whitespace) {
        format!("{not}{}:=\"{value}\"", field.name())
    } else {
        format!("{not}{}:={value}", field.name())
    }
}

/// A word as it stands between blanks, and where in it the quotation began, if one did.
struct Word {
    text: String,
    quoted: bool,
}

fn words(text: &str) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    let mut word = Word { text: String::new(), quoted: false };
    let mut inside = false;
    for character in text.chars() {
        match character {
            '"' => {
                inside = !inside;
                word.quoted = true;
            }
            blank if blank.is_whitespace() && !inside => {
                let empty = Word { text: String::new(), quoted: false };
                words.push(std::mem::replace(&mut word, empty));
            }
            other => word.text.push(other),
        }
    }
    if inside {
        return Err(Fault("a quotation mark is not closed".to_owned()));
    }
    words.push(word);
    words.retain(|word| word.quoted || !word.text.is_empty());
    Ok(words)
}

/// `None` for what says nothing yet.
fn read(word: &Word, clock: &Clock) -> Result<Option<Term>, Fault> {
    let (unwanted, asked) = word.text.strip_prefix('!').map_or((false, word.text.as_str()), |rest| (true, rest));
    let test = match asked.split_once(':') {
        // `10:15` and `fe80::1` are words.
        Some((name, value)) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "since" | "until" | "longer" if value.is_empty() => return Ok(None),
                "since" => Test::Since(clock.time(value)?),
                "until" => Test::Until(clock.time(value)?),
                "longer" => Test::Longer(time::duration(value)?),
                _ => match Field::ALL.iter().find(|(known, _)| *known == name) {
                    Some(_) if value.is_empty() => return Ok(None),
                    Some((_, field)) => Test::In(*field, Pattern::of(value)),
                    None if looks_like_address(asked) => anywhere(asked),
                    None => {
                        let known: Vec<&str> = Field::ALL.iter().map(|(name, _)| *name).collect();
                        return Err(Fault(format!(
                            "no field is called {name}; there are {}, since, until, longer",
                            known.join(", ")
                        )));
                    }
                },
            }
        }
        _ if asked.is_empty() => return Ok(None),
        _ => anywhere(asked),
    };
    Ok(Some(Term { unwanted, test }))
}

/// `fe80::1`: letters before a colon, and no field.
fn looks_like_address(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') && text.matches(':').count() > 1
}

fn anywhere(text: &str) -> Test {
    let pattern = Pattern::of(text);
    let codes = diagnose::CATALOGUE
        .iter()
        .filter(|rule| pattern.fits(rule.code) || pattern.fits(rule.title))
        .map(|rule| rule.code)
        .collect();
    Test::Anywhere(pattern, codes)
}

#[cfg(test)]
mod tests {
    use super::{Clock, Field, Filter, Filterable, exactly};

    struct Row {
        user: &'static str,
        dc: &'static str,
        codes: &'static [&'static str],
        began: &'static str,
        took: i64,
    }

    const ROW: Row = Row {
        user: "Alice@CORP.EXAMPLE",
        dc: "dc2.corp.example",
        codes: &["DCC-03"],
        began: "2026-11-22T10:20:01.5Z",
        took: 1_500_000_000,
    };

    impl Filterable for Row {
        fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool {
            match field {
                Field::User => is(self.user),
                Field::Dc => is(self.dc),
                Field::Code => self.codes.iter().any(|code| is(code)),
                _ => false,
            }
        }

        fn text(&self, is: &mut dyn FnMut(&str) -> bool, codes: &[&'static str]) -> bool {
            is(self.user) || is(self.dc) || self.codes.iter().any(|code| codes.contains(code))
        }

        fn began(&self) -> Option<&str> {
            Some(self.began)
        }

        fn took(&self) -> Option<i64> {
            Some(self.took)
        }
    }

    fn clock() -> Clock {
        Clock { day: "2026-11-22".to_owned(), latest: "2026-11-22T10:30:00.000Z".to_owned() }
    }

    fn shows(text: &str) -> bool {
        Filter::parse(text, &clock()).expect(text).shows(&ROW)
    }

    #[test]
    fn terms_fit_or_do_not() {
        for fits in [
            "",
            "   ",
            "alice",
            "ALICE dc2",
            "user:alice dc:dc2",
            "user:alice*",
            "user:*@corp*",
            "user:=alice@corp.example",
            "code:DCC-*",
            "code:dcc",
            "certificate", // a word of the finding's title
            "since:10:15",
            "since:10:20:01",
            "until:10:21",
            "since:2026-11-22",
            "since:2026-11-22T10:20",
            "since:10m",
            "longer:1s",
            "longer:1400ms",
            "!user:bob",
            "user:",
            "!",
            "user:\"alice\"",
        ] {
            assert!(shows(fits), "{fits}");
        }
        for fails in [
            "bob",
            "alice bob",
            "user:dc2",
            "user:=alice",
            "user:alice*x",
            "!alice",
            "code:KEY-*",
            "since:10:21",
            "until:10:20",
            "since:9m",
            "longer:2s",
            "client:alice",
        ] {
            assert!(!shows(fails), "{fails}");
        }
    }

    #[test]
    fn what_is_no_filter_says_why() {
        for (text, why) in [
            ("colour:red", "no field is called colour"),
            ("since:tomorrow", "tomorrow"),
            ("since:25:00", "25:00"),
            ("longer:fast", "fast"),
            ("user:\"alice", "quotation mark"),
        ] {
            let fault = Filter::parse(text, &clock()).expect_err(text);
            assert!(fault.0.contains(why), "{text}: {}", fault.0);
        }
    }

    #[test]
    fn an_exact_term_fits_its_value_only() {
        for value in ["alice@CORP.EXAMPLE", "two words", "a*b", ""] {
            let filter = Filter::parse(&exactly(Field::User, value, false), &clock()).expect(value);
            let is = |user: &'static str| filter.shows(&Row { user, ..ROW });
            assert!(is(value), "{value}");
            assert!(!is("other"), "{value}");
            let filter = Filter::parse(&exactly(Field::User, value, true), &clock()).expect(value);
            assert!(!filter.shows(&Row { user: value, ..ROW }) && filter.shows(&Row { user: "other", ..ROW }));
        }
    }
}
