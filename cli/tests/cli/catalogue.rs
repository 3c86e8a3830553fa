//! `rules` and `explain`: from a code that somebody has in hand to a page.

use super::support::run;

/// Code and title of every rule.
fn rules() -> Vec<(String, String)> {
    let rules = run(["rules", "--format", "json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rules.as_array().unwrap().iter().map(|rule| (text(&rule["code"]), text(&rule["title"]))).collect()
}

#[test]
fn rules_are_listed_by_code_a_line_each() {
    let rules = rules();
    assert!(rules.is_sorted() && !rules.is_empty());
    let run = run(["rules"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert_eq!(run.stdout.lines().count(), rules.len());
    for (line, (code, title)) in run.stdout.lines().zip(&rules) {
        assert!(line.starts_with(code.as_str()) && line.ends_with(title.as_str()), "{line}");
    }
}

#[test]
fn every_rule_has_a_page_under_its_code_in_any_case() {
    for (code, title) in rules() {
        let page = run(["explain", &code]);
        assert_eq!((page.status, page.stderr.as_str()), (0, ""));
        assert!(page.stdout.starts_with(&format!("# {code}: {title}")), "{}", page.stdout);
        for heading in ["## What happened", "## How we know", "## What to do", "## Sources"] {
            assert!(page.stdout.contains(heading), "{code} lacks {heading}");
        }
        assert_eq!(run(["explain", &code.to_lowercase()]).stdout, page.stdout);
    }
}

#[test]
fn an_error_is_named_and_leads_to_its_rules() {
    let by_number = run(["explain", "62"]);
    assert_eq!(by_number.status, 0);
    assert!(by_number.stdout.starts_with("Kerberos error 62 KDC_ERR_CLIENT_NOT_TRUSTED: "), "{}", by_number.stdout);
    for same in ["0x3e", "0X3E", "KDC_ERR_CLIENT_NOT_TRUSTED", "kdc_err_client_not_trusted"] {
        assert_eq!(run(["explain", same]).stdout, by_number.stdout, "{same}");
    }
    assert_leads_to(&by_number.stdout, "PKI-07");
    assert_leads_to(&run(["explain", "16"]).stdout, "DCC-01");
}

#[test]
fn a_status_is_named_and_leads_to_its_rules() {
    let by_number = run(["explain", "0xc00000bb"]);
    assert_eq!(by_number.status, 0);
    assert!(by_number.stdout.starts_with("status 0xc00000bb STATUS_NOT_SUPPORTED: "), "{}", by_number.stdout);
    assert_leads_to(&by_number.stdout, "DCC-01");
    assert_eq!(run(["explain", "STATUS_NOT_SUPPORTED"]).stdout, by_number.stdout);
}

#[test]
fn a_windows_event_leads_to_its_rules() {
    for event in [["explain", "event", "107"], ["explain", "EVENT", "107"]] {
        let run = run(event);
        assert_eq!(run.status, 0);
        assert!(run.stdout.starts_with("Windows event 107\n"), "{}", run.stdout);
        assert_leads_to(&run.stdout, "DCC-07");
    }
}

/// Where the catalogue has this rule, the text is its page or names it; else it says that there is none.
#[track_caller]
fn assert_leads_to(text: &str, code: &str) {
    if rules().iter().any(|(known, _)| known == code) {
        let (page, line) = (format!("# {code}: "), format!("hellotrace explain {code} "));
        assert!(text.contains(&page) || text.contains(&line), "{code} is not in: {text}");
    } else {
        println!("skipped: {code} is not in the catalogue");
        assert!(text.contains("`hellotrace rules`") || text.contains("hellotrace explain "), "{text}");
    }
}

#[test]
fn what_is_not_known_is_refused_in_one_sentence() {
    for what in [&["nonsense"][..], &["DCC-00"], &["event"], &["event", "x"], &["one", "two"], &["0x"], &[""]] {
        let run = run(["explain"].iter().chain(what));
        run.assert_refused(&["explain", what[0]]);
    }
}
